"""What the bot can do: one module a service of the neighbourhood, each opening with the conversation it holds."""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
