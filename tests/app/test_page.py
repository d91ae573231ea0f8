"""The page in a real browser: two files, a verdict, another face, names, a search, errors."""

import itertools
import socket
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from cari_keras.app.desk import Desk
from cari_keras.app.page import build
from cari_keras.app.serving import serve
from cari_keras.errors import ConfigError
from cari_keras.gallery.gallery import Gallery
from cari_keras.images.decode import decode_image
from tests.helpers.faces import write
from tests.helpers.memory import resident
from tests.helpers.pages import PageModel, bomb, browser, pattern, requests_of, write_pictures

pytestmark = pytest.mark.slow

gradio = pytest.importorskip("gradio", reason="needs the extra app")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("uploads"))


@pytest.fixture(scope="module")
def address(pictures):
    pair = (str(pictures["one.png"]), str(pictures["drawn.png"]))
    page, folder = build(Desk(PageModel()), [pair]), pictures["one.png"].parent
    with serve(page, "127.0.0.1", free_port(), [folder]) as at:
        yield at


@pytest.fixture(scope="module")
def searching(tmp_path_factory):
    """The address of a page that searches six faces of three people."""
    pytest.importorskip("lancedb", reason="needs the extra gallery")
    folder = tmp_path_factory.mktemp("searched")
    for person, number in itertools.product(range(1, 4), range(2)):
        kind = "photo" if number else "caricature"
        write(folder / "in" / kind / f"p{person}" / f"{number}.png", pattern(person, number))
    gallery = Gallery(folder / "people.gallery", PageModel())
    gallery.add(folder / "in")
    with serve(build(Desk(PageModel(), gallery), []), "127.0.0.1", free_port(), []) as at:
        yield at


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def seen(address):
    with browser() as driver:
        driver.get(address)
        yield driver


def wait_for(seen, condition):
    """What a condition gives as soon as that is true; a page that never gets there fails."""
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.support.ui import WebDriverWait

    waiting = WebDriverWait(seen, 120, ignored_exceptions=[StaleElementReferenceException])
    return waiting.until(lambda _: condition())


def visible(seen, selector):
    return [e for e in seen.find_elements("css selector", selector) if e.is_displayed()]


def upload(seen, place, path):
    """Puts a file into one of the tab's uploads, and waits for its faces or for the reason."""
    before = told(seen)
    wait_for(seen, lambda: len(uploads(seen)) > place)
    uploads(seen)[place].send_keys(str(path))
    wait_for(seen, lambda: told(seen) != before)


def told(seen):
    """The pictures with faces that are shown, and what is complained of."""
    shown = visible(seen, "img[alt*='outlined'], [role=alert]")
    return [each.get_attribute("src") or each.text for each in shown]


def uploads(seen):
    """The places for files of the tab that is open."""
    tab = next(iter(visible(seen, "[role=tabpanel]")))
    return tab.find_elements("css selector", "input[type=file]")


def open_tab(seen, name):
    wait_for(seen, lambda: visible(seen, "[role=tab]"))
    next(e for e in visible(seen, "[role=tab]") if e.text == name).click()


def click(seen, selector):
    wait_for(seen, lambda: visible(seen, selector))[0].click()


def says(seen, selector, words):
    wait_for(seen, lambda: words in seen.find_element("css selector", selector).text)


def chosen(seen):
    """The numbers of the faces that are chosen, where there is a choice."""
    radios = seen.find_elements("css selector", "input[type=radio]")
    return [e.get_attribute("value") for e in radios if e.is_selected()]


@pytest.fixture
def opened(seen, address):
    seen.get(address)
    wait_for(seen, lambda: visible(seen, "#compare"))
    return seen


def test_two_pictures_are_compared_and_the_face_is_changed(opened, pictures):
    from selenium.webdriver import ActionChains

    upload(opened, 0, pictures["one.png"])
    upload(opened, 1, pictures["both.png"])
    click(opened, "#compare")
    says(opened, "#verdict", "Two people")
    says(opened, "#verdict", "FAR")
    picture = visible(opened, "img[alt*='outlined']")[1]
    right = picture.size["height"] // 2  # a quarter of the width of what is twice as wide as high
    ActionChains(opened).move_to_element_with_offset(picture, right, 0).click().perform()
    wait_for(opened, lambda: "2" in chosen(opened))
    click(opened, "#compare")
    says(opened, "#verdict", "The same person")


def test_why_and_who_and_what_is_no_picture(opened, pictures):
    click(opened, "#compare")
    says(opened, "#verdict", "no picture yet")
    upload(opened, 0, pictures["one.png"])
    upload(opened, 1, pictures["other.png"])
    open_tab(opened, "Why")
    click(opened, "#explain")
    wait_for(opened, lambda: visible(opened, "#why img[alt*='regions']"))
    open_tab(opened, "Who is it")
    upload(opened, 0, pictures["text.png"])
    alert = wait_for(opened, lambda: visible(opened, "[role=alert]"))[0]
    assert "text.png: not a picture" in alert.text
    upload(opened, 0, pictures["one.png"])
    click(opened, "#who")
    says(opened, "#people", "5.0 % of strangers' faces")


def test_nothing_is_asked_of_others_and_nothing_complains(opened, address):
    asked = [url for url in requests_of(opened) if not url.startswith(("data:", "blob:", "chrome"))]
    assert any("assets" in url for url in asked)
    assert [url for url in asked if not url.startswith(address)] == []
    severe = [e["message"] for e in opened.get_log("browser") if e["level"] == "SEVERE"]
    # The tests before have left the page while it was loading, which ends what it waits for.
    assert [message for message in severe if "AbortError" not in message] == []


def test_the_gallery_is_searched_and_its_files_can_be_opened(seen, searching, pictures):
    seen.get(searching)
    open_tab(seen, "Find")
    upload(seen, 0, pictures["one.png"])
    click(seen, "#find")
    says(seen, "#faces", "Nearest first")
    found = visible(seen, "#faces li")
    assert [face.text.split()[0] for face in found[:2]] == ["p1", "p1"]
    assert len(found) == 6
    link = found[0].find_element("css selector", "a").get_attribute("href")
    with urllib.request.urlopen(link) as answer:
        assert decode_image(answer.read()).shape == (64, 64, 3)
    click(seen, "#kind input[value=caricature]")
    click(seen, "#find")
    wait_for(seen, lambda: len(visible(seen, "#faces li")) == 3)
    assert all("caricature" in face.text for face in visible(seen, "#faces li"))


@pytest.mark.parametrize("width", [390, 1400])
def test_it_fits_the_width(opened, width):
    opened.set_window_size(width, 900)
    opened.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    wait_for(opened, lambda: opened.execute_script("return window.innerWidth") == width)
    assert opened.execute_script("return document.documentElement.scrollWidth") <= width


def test_every_control_has_a_name(opened):
    """What a screen reader says of buttons, of choices and of pictures."""
    for control in visible(opened, "button:not([tabindex='-1']), input:not([type=file])"):
        assert control.accessible_name, control.get_attribute("outerHTML")


def test_ten_at_once_are_answered_each_their_own(address, tmp_path):
    """By Gradio's own client, as ten browsers would ask; among them one with a bomb."""
    from gradio_client import Client, handle_file

    photo = write(tmp_path / "photo.png", pattern(1))
    model = PageModel()
    drawn, expected = [], []
    for person in range(9):
        drawn.append(write(tmp_path / f"{person}.png", pattern(person)))
        (answer,) = model.verify_faces(model.face(photo)[None], model.face(drawn[-1])[None])
        expected.append(f"distance {answer.distance:.3f}")
    drawn.append(bomb(tmp_path / "bomb.png", 14_200))
    expected.append("bomb.png: too many pixels")

    def ask(path):
        pair = handle_file(photo), "photo", 1, handle_file(path), "caricature", 1
        return Client(address, verbose=False).predict(*pair, api_name="/compare")

    used = []
    with ThreadPoolExecutor(10) as pool:
        for _ in range(5):
            for said, words in zip(pool.map(ask, drawn), expected):
                assert words in said
            used.append(resident())
    assert used[-1] - used[1] < 40e6  # what the first twenty have left stays, and no more comes


def test_a_port_that_is_taken_is_named(address, pictures):
    port = int(address.rstrip("/").rpartition(":")[2])
    page = build(Desk(PageModel()), [])
    named = pytest.raises(ConfigError, match=f"--port {port}: .*name another port")
    with named, serve(page, "127.0.0.1", port, []):
        pass
