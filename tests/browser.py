"""A real browser without a screen, for tests of the pages."""

import html
import json
import re
import shutil
import subprocess

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ATTEMPTS = 8  # the browser's clock runs ahead of the decoding of pictures, on a busy machine
ANSWER = """
<script>
(async function () {
  let answer;
  try { answer = await (async function () { SCRIPT })(); } catch (error) { answer = {failed: String(error)}; }
  document.body.innerHTML = "<pre id=answer></pre>";
  document.getElementById("answer").textContent = JSON.stringify(answer);
})();
</script>
"""


def browser():
    """Command of the browser found first, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def in_browser(page, script, folder, *, size=(1200, 900)):
    """Open a page, run a script in it that returns a value, and return the value and what the console said.

    Parameters
    ----------
    page : str
        HTML.
    script : str
        Body of an async function.
    size : (int, int)
        Width and height of the window in pixels.
    """
    if browser() is None:
        pytest.skip(f"no browser found ({', '.join(BROWSERS)}): install one to test the page, for example chromium")
    file = folder / "page.html"
    before, end, after = page.rpartition("</body>")  # a library in the page may hold one too
    file.write_text(before + ANSWER.replace("SCRIPT", script) + end + after, encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    options += ["--enable-logging=stderr", f"--window-size={size[0]},{size[1]}", "--virtual-time-budget=20000"]
    command = [browser(), *options, "--dump-dom", file.as_uri()]
    for _ in range(ATTEMPTS):
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
        if found := re.search('<pre id="answer">(.*)</pre>', done.stdout, re.DOTALL):
            break
    assert found, "the page was written out before its script had ended, every time"
    answer = json.loads(html.unescape(found[1]))
    assert "failed" not in (answer if isinstance(answer, dict) else {}), answer
    return answer, [line for line in done.stderr.splitlines() if "CONSOLE" in line]
