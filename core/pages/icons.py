"""The icons of the pages: paths on a grid of 24 by 24, drawn with lines. Pure."""

ICONS = {
    "activity": '<path d="M3 12h4l3-8 4 16 3-8h4"/>',
    "arrow-right": '<path d="M5 12h14M13 6l6 6-6 6"/>',
    "bar-chart": '<path d="M4 20V11M10 20V4M16 20v-7M21 20H3"/>',
    "check": '<path d="M5 12.5l4.5 4.5L19 7.5"/>',
    "coins": '<ellipse cx="9" cy="7" rx="6" ry="3"/><path d="M3 7v5c0 1.7 2.7 3 6 3M15 7v3"/>'
    '<ellipse cx="15" cy="14" rx="6" ry="3"/><path d="M9 14v4c0 1.7 2.7 3 6 3s6-1.3 6-3v-4"/>',
    "copy": '<rect x="9" y="9" width="11" height="11" rx="2"/><path d="M5 15V6a2 2 0 0 1 2-2h8"/>',
    "credit-card": '<rect x="3" y="5" width="18" height="14" rx="2.5"/><path d="M3 10h18M7 15h3"/>',
    "download": '<path d="M12 4v11M7 11l5 5 5-5M4 20h16"/>',
    "file": '<path d="M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6"/>',
    "home": '<path d="M4 11l8-7 8 7v8a1 1 0 0 1-1 1h-4v-6H9v6H5a1 1 0 0 1-1-1z"/>',
    "inbox": '<path d="M4 13l3-8h10l3 8v6H4zM4 13h5l1 3h4l1-3h5"/>',
    "key": '<circle cx="8" cy="15" r="4.5"/><path d="M11.5 11.5L20 3M16 7l3 3"/>',
    "layers": '<path d="M12 3l9 5-9 5-9-5zM3 13l9 5 9-5"/>',
    "log-out": '<path d="M10 4H5v16h5M15 8l4 4-4 4M19 12H9"/>',
    "menu": '<path d="M4 7h16M4 12h16M4 17h16"/>',
    "monitor": '<rect x="3" y="4" width="18" height="12" rx="2"/><path d="M9 20h6M12 16v4"/>',
    "moon": '<path d="M20 14.5A8 8 0 0 1 9.5 4a8 8 0 1 0 10.5 10.5z"/>',
    "plus": '<path d="M12 5v14M5 12h14"/>',
    "rotate": '<path d="M20 11a8 8 0 1 0-2.3 6.3M20 5v6h-6"/>',
    "search": '<circle cx="11" cy="11" r="6.5"/><path d="M16 16l4.5 4.5"/>',
    "settings": '<circle cx="12" cy="8" r="4"/><path d="M4 20c1.5-4 4.5-6 8-6s6.500 2 8 6"/>',
    "shield": '<path d="M12 3l8 3v6c0 5-3.500 8-8 9-4.500-1-8-4-8-9V6z"/><path d="M9 12l2 2 4-4"/>',
    "sun": '<circle cx="12" cy="12" r="4"/><path d="M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.500 1.500'
    'M17.500 17.500L19 19M19 5l-1.500 1.500M6.500 17.500L5 19"/>',
    "terminal": '<path d="M5 7l5 5-5 5M12 18h7"/>',
    "trash": '<path d="M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13"/>',
}

MARK = (
    '<svg class="mark" viewBox="0 0 32 32" aria-hidden="true">'
    '<rect width="32" height="32" rx="8" fill="currentColor"/>'
    '<g fill="none" stroke="var(--surface)" stroke-width="3" stroke-linecap="round">'
    '<path d="M8 24V14a8 8 0 0 1 16 0v10"/></g>'
    '<circle cx="16" cy="19" r="3.2" fill="var(--surface)"/></svg>'
)
