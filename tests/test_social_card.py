"""scripts/draw_social_card.py: the picture that a link to the course is shown with is what its code draws."""

from PIL import Image

from scripts import draw_social_card


def test_the_card_is_what_its_code_draws():
    assert draw_social_card.main(["--check"]) == 0


def test_another_picture_is_found(tmp_path, capsys):
    card = tmp_path / "card.png"
    for other in (Image.new("RGB", (1200, 630), draw_social_card.PAPER), Image.new("RGB", (600, 315))):
        other.save(card)
        assert draw_social_card.main(["--check", "--card", str(card)]) == 1
        assert "python -m scripts.draw_social_card" in capsys.readouterr().out
    assert draw_social_card.main(["--check", "--card", str(tmp_path / "none.png")]) == 1
