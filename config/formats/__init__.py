"""How the admin site writes times (FORMAT_MODULE_PATH)."""
