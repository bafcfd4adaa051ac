"""The workers' console (工作台): pages rendered here, for those who work in a community."""
