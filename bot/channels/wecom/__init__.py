"""WeCom (企业微信): the street office's own app, in which workers talk to the desk."""
