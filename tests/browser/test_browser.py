"""That the page fixture sees what it must see: a check that cannot fail would prove nothing."""

import pytest


def test_a_quiet_page_is_fine(page, tmp_path):
    (tmp_path / "quiet.html").write_text("<!doctype html><link rel=icon href='data:,'><title>t</title><p>quiet</p>")
    page.goto((tmp_path / "quiet.html").as_uri())
    assert page.inner_text("p") == "quiet"


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("<script>console.error('told')</script>", "told"),
        ("<script>throw new Error('thrown')</script>", "thrown"),
        ("<script>Promise.reject(new Error('rejected'))</script>", "rejected"),
        ("<img src='http://example.com/x.png' alt=''>", "request to http://example.com"),
    ],
)
def test_errors_and_requests_are_seen(page, body, complaint):
    page.goto(f"data:text/html,<!doctype html><title>t</title>{body}<p>end</p>", wait_until="load")
    page.wait_for_timeout(50)
    assert any(complaint in told for told in page.complaints), page.complaints
    page.complaints.clear()


def test_an_expected_error_is_taken_out_and_the_others_stay(page):
    page.goto("data:text/html,<title>t</title><script>console.error('one');console.error('two')</script>")
    page.wait_for_timeout(50)
    page.complaints.expect("one")
    assert len(page.complaints) == 1
    page.complaints.expect("two")
    with pytest.raises(AssertionError, match="nothing complained of 'three'"):
        page.complaints.expect("three")
