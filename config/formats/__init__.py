"""Date and time formats of the admin site (FORMAT_MODULE_PATH)."""
