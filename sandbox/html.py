"""The look of the sandbox's own pages: one plain shell that says what it is, and the few parts they are made of."""

from html import escape

STYLE = """
:root{color-scheme:light dark;--line:#8888;--main:#166534;--warn:#b45309}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem}
body.wide{max-width:64rem;margin:1.5rem auto 4rem}
.note{border:1px dashed var(--warn);padding:.5rem .75rem;border-radius:6px}
.said{border-left:4px solid var(--main);padding:.25rem .75rem}
.problem{border-left:4px solid #b91c1c;padding:.25rem .75rem}
h1{font-size:1.4rem} h2{font-size:1.1rem;margin:2rem 0 .5rem}
li{font-family:ui-monospace,monospace;font-size:.9rem}
nav{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem}
form.answer{display:inline-block;margin:.5rem .75rem 0 0}
button{font:inherit;padding:.5rem 1.25rem;border-radius:6px;border:1px solid #888;cursor:pointer}
button.main{background:var(--main);border-color:var(--main);color:#fff}
.fields{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(15rem,100%),1fr));gap:.75rem 1.25rem;
align-items:start;margin:.5rem 0}
.row .fields{grid-template-columns:repeat(auto-fill,minmax(min(11rem,100%),1fr))}
.foot{align-self:end}
.fields>label,.fields>div{display:block;min-width:0}
.fields small{display:block;opacity:.8}
input:not([type=checkbox]),select{font:inherit;width:100%;padding:.4rem .5rem;border:1px solid #888;border-radius:6px}
input[type=checkbox]{width:1.2rem;height:1.2rem;vertical-align:-.2rem;margin:0 .5rem 0 0}
.row{border:1px solid var(--line);border-radius:6px;padding:.5rem .75rem;margin:.75rem 0}
.actions{display:flex;flex-wrap:wrap;gap:.75rem;margin:.75rem 0}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.4rem .5rem;border-bottom:1px solid var(--line)}
td{overflow-wrap:anywhere} .number{text-align:right;white-space:nowrap}
dt{opacity:.8;font-size:.9rem} dd{margin:0 0 .5rem;overflow-wrap:anywhere}
@media(max-width:40rem){.extra{display:none}}
"""
NAV = (
    '<nav aria-label="Sandbox"><a href="/">Sandbox</a> <a href="/hubspot">CRM</a> <a href="/square/till">Tills</a> '
    '<a href="/faults">Faults</a></nav>'
)


def page(title: str, body: str, *, wide: bool = False) -> str:
    """Return a page that says that it is a sandbox; `body` is HTML. The wide ones have the sandbox's navigation."""
    mark = ' class="wide"' if wide else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body{mark}>"
        '<p class="note"><strong>Sandbox.</strong> It plays a real service; every company and person in it is '
        f"invented.</p>{NAV if wide else ''}<h1>{escape(title)}</h1>{body}</body></html>"
    )


def text_field(name: str, label: str, value: str, hint: str = "", *, more: str = "") -> str:
    """Return a labelled text field; `more` are attributes as HTML."""
    return (
        f'<label>{escape(label)}<input name="{name}" value="{escape(value, quote=True)}" autocomplete="off"{more}>'
        f"{_small(hint)}</label>"
    )


def switch(name: str, label: str, hint: str = "", *, on: bool) -> str:
    """Return a labelled checkbox."""
    checked = " checked" if on else ""
    return f'<div><label><input type="checkbox" name="{name}"{checked}>{escape(label)}</label>{_small(hint)}</div>'


def choice(name: str, label: str, options: list[tuple[str, str]], chosen: str, hint: str = "") -> str:
    """Return a labelled select of (value, words)."""
    shown = "".join(
        f'<option value="{escape(value, quote=True)}"{" selected" if value == chosen else ""}>{escape(words)}</option>'
        for value, words in options
    )
    return f'<label>{escape(label)}<select name="{name}">{shown}</select>{_small(hint)}</label>'


def form(action: str, content: str, *buttons: tuple[str, str], main: bool = True) -> str:
    """Return a form with its buttons, (value of `do`, words) each; the first one leads when `main`."""
    shown = "".join(
        f'<button name="do" value="{value}"{" class=main" if main and position == 0 else ""}>{escape(words)}</button>'
        for position, (value, words) in enumerate(buttons)
    )
    fields = f'<div class="fields">{content}</div>' if content else ""
    return f'<form method="post" action="{action}">{fields}<div class="actions">{shown}</div></form>'


def _small(hint: str) -> str:
    return f"<small>{escape(hint)}</small>" if hint else ""
