"""Where the book is published: said once, as the repository's address."""

import re

from tools.pages import card

_GITHUB = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)/?")


def setup(app):
    """Before the sitemap and the cards ask for it."""
    app.connect("config-inited", derive, priority=100)


def derive(app, config):
    """GitHub's pages of the repository, unless _config.yml says otherwise."""
    theme = config.html_theme_options or {}
    match = _GITHUB.fullmatch(theme.get("repository_url", ""))
    if match and not config.html_baseurl:
        owner, name = match.groups()
        config.html_baseurl = f"https://{owner.lower()}.github.io/{name}/"
    config.ogp_site_url = config.html_baseurl
    config.ogp_site_name = config.html_title
    config.ogp_image = card.NAME
    config.ogp_image_alt = f"{config.html_title}: arcs that join five layers"
