"""The code of the lesson what-a-cnn-learns, in cases that the page does not show, and that the page says what was recorded."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from snippets import what_a_cnn_learns as lesson
from snippets.figures.what_a_cnn_learns import FIELDS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "lessons" / "what-a-cnn-learns" / "index.md"
RECORDED = json.loads(PAGE.with_name("results.json").read_text(encoding="utf-8"))["experiments"]
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return lesson.cnn().eval()


@pytest.fixture(scope="module")
def images():
    return lesson.make(6, seed=5)


@pytest.mark.parametrize("shape", lesson.SHAPES)
@pytest.mark.parametrize("area", [80, 105, 130])
def test_all_shapes_have_about_the_same_area(shape, area):
    sizes = [lesson.shape_mask(shape, *place, area).sum() for place in np.random.default_rng(0).uniform(12, 19, (50, 2))]
    assert abs(np.mean(sizes) / area - 1) < 0.1


def test_the_same_seed_gives_the_same_images_and_the_mask_is_inside(images):
    again = lesson.make(6, seed=5)
    assert all(torch.equal(a, b) for a, b in zip(images, again, strict=True))
    pixels, shapes, textures, masks = images
    assert pixels.shape == (6, 1, 32, 32) and pixels.dtype == torch.float32
    assert 0 <= pixels.min() and pixels.max() <= 1
    assert masks.dtype == torch.bool and (masks.sum(dim=(1, 2)) > 60).all()
    assert shapes.shape == textures.shape == (6,)


def test_pairs_of_shape_and_texture():
    _, shapes, textures, _ = lesson.make(60, 1, "tied")
    assert torch.equal(shapes, textures)
    _, shapes, textures, _ = lesson.make(60, 1, "conflict")
    assert not (shapes == textures).any() and set((3 * shapes + textures).tolist()) == {1, 2, 3, 5, 6, 7}
    _, shapes, textures, _ = lesson.make(90, 1)
    assert len(set((3 * shapes + textures).tolist())) == 9


def test_faint_shapes_are_darker_but_lie_at_the_same_places():
    clear, faint = lesson.make(20, 1), lesson.make(20, 1, faint=True)
    assert torch.equal(clear[3], faint[3])
    assert clear[0][:, 0][clear[3]].mean() > faint[0][:, 0][faint[3]].mean() + 0.2


def test_the_bar_leaves_the_shape_free():
    taken = lesson.shape_mask("disc", 16, 16, 130)
    for seed in range(20):
        bar = lesson.bar_mask(taken, np.random.default_rng(seed))
        assert bar.sum() == 36 and not (bar & taken).any()


def test_parameters():
    parts = [12 * 25, 24, 24 * 12 * 9, 48, 32 * 24 * 9, 64, 3 * 32 + 3]
    assert sum(p.numel() for p in lesson.cnn().parameters()) == sum(parts) == 10039


@pytest.mark.parametrize("place", lesson.RELUS)
def test_grad_cam_leaves_no_hook_and_no_gradient(network, images, place):
    maps = lesson.grad_cam(network, network[place], images[0], images[1])
    assert maps.shape == (6, 32, 32) and (maps >= 0).all() and not maps.requires_grad
    assert not network[place]._forward_hooks and all(p.grad is None for p in network.parameters())


def test_grad_cam_removes_its_hook_when_the_forward_pass_fails(network):
    with pytest.raises(RuntimeError):
        lesson.grad_cam(network, network[2], torch.zeros(1, 3, 32, 32), torch.tensor([0]))
    assert not network[2]._forward_hooks


def test_grad_cam_of_a_batch_is_that_of_each_image(network, images):
    x, y = images[:2]
    whole = lesson.grad_cam(network, network[10], x, y, relu=False)
    single = [lesson.grad_cam(network, network[10], x[i : i + 1], y[i : i + 1], relu=False) for i in range(6)]
    assert torch.allclose(whole, torch.cat(single), atol=1e-6)


def test_signed_grad_cam_of_the_last_maps_is_cam_over_64(network, images):
    x, y = images[:2]
    maps = network[:11](x)
    cam = torch.einsum("nc,nchw->nhw", network[13].weight[y], maps) / 64
    got = lesson.grad_cam(network, network[10], x, y, relu=False)
    assert torch.allclose(got, nn.functional.interpolate(cam[:, None], size=(32, 32), mode="bilinear")[:, 0], atol=1e-6)
    logits = network(x).gather(1, y[:, None])[:, 0]
    assert torch.allclose(cam.sum(dim=(1, 2)) + network[13].bias[y], logits, atol=1e-5)


def test_saliency_is_the_slope_of_the_logit(network, images):
    double = lesson.copy.deepcopy(network).double()
    x, y = images[0][:1].double(), images[1][:1]
    got = lesson.saliency(double, x, y)[0]
    for row, column in [(3, 4), (16, 16), (31, 0)]:
        step = torch.zeros_like(x)
        step[0, 0, row, column] = 1e-5
        slope = (double(x + step)[0, y] - double(x - step)[0, y]) / 2e-5
        assert abs(abs(slope.item()) - got[row, column].item()) < 1e-6


def test_guided_backprop_lets_only_positive_gradients_through_and_cleans_up():
    model = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(4, 2, bias=False))
    model[2].weight.data = torch.tensor([[1.0, -2.0, 3.0, -4.0], [0.0, 0.0, 0.0, 0.0]])
    x = torch.tensor([[[[1.0, 1.0], [-1.0, 1.0]]]])
    assert lesson.guided_backprop(model, x, torch.tensor([0])).tolist() == [[[1, 0], [0, 0]]]
    assert lesson.saliency(model, x, torch.tensor([0])).tolist() == [[[1, 2], [0, 4]]]
    assert not model[0]._backward_hooks


def test_occlusion_of_a_linear_network_is_what_the_patch_held():
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 1, bias=False))
    model[1].weight.data.fill_(1.0)
    x = torch.zeros(1, 1, 4, 4)
    x[0, 0, 1, 2] = 5  # the median is 0
    got = lesson.occlusion(model, x, torch.tensor([0]), side=2, step=2)[0]
    assert got.tolist() == [[0, 0, 5, 5], [0, 0, 5, 5], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert x[0, 0, 1, 2] == 5


def test_edges_of_a_step():
    x = torch.zeros(1, 1, 4, 6)
    x[..., 3:] = 1
    assert lesson.edges(x)[0, 1].tolist() == [0, 0, 4, 4, 0, 0]


def test_hits_and_rank_correlation():
    maps, masks = torch.rand(3, 4, 5), torch.zeros(3, 4, 5, dtype=torch.bool)
    maps[0, 3, 4] = maps[1, 0, 1] = maps[2, 2, 2] = 2
    masks[0, 3, 4] = masks[1, 1, 0] = masks[2, 2, 2] = True
    assert lesson.hits(maps, masks) == pytest.approx(200 / 3)
    assert lesson.rank_correlation(maps, maps**3) == pytest.approx(1)
    assert lesson.rank_correlation(maps, -maps) == pytest.approx(-1)
    assert lesson.rank_correlation(maps, torch.ones_like(maps)) == 0


def test_reset_leaves_the_original_and_the_lower_parts(network):
    before = [p.clone() for p in network.parameters()]
    for parts, same in enumerate([True, True, True, True, False]):
        other = lesson.reset_from_top(network, parts, seed=7)
        assert torch.equal(other[0].weight, network[0].weight) == same
        assert torch.equal(other[13].weight, network[13].weight) == (parts == 0)
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))


def test_ascent_climbs_and_stays_an_image():
    target = torch.rand(1, 1, 8, 8)
    start = torch.full_like(target, 0.5)
    for careful in (False, True):
        found = lesson.ascend(lambda x: -(x - target).square().sum(), start, careful=careful)
        assert 0 <= found.min() and found.max() <= 1 and not found.requires_grad
    assert torch.allclose(lesson.ascend(lambda x: -(x - target).square().sum(), start), target, atol=0.05)
    assert (start == 0.5).all()


def test_roughness_of_noise_and_of_a_ramp():
    noise = torch.randn(1, 1, 200, 200, generator=torch.Generator().manual_seed(0))
    assert lesson.roughness(noise).item() == pytest.approx(1, abs=0.05)
    assert lesson.roughness(torch.arange(100.0).expand(1, 1, 100, 100)).item() < 0.01


def test_probe_reads_what_is_there_and_nothing_else():
    rng = torch.Generator().manual_seed(0)
    y, x = torch.arange(300) % 3, torch.randn(300, 5, generator=rng)
    assert lesson.probe(x[:200], y[:200], x[200:], y[200:]) < 50
    x[:, :3] += 5 * nn.functional.one_hot(y)
    assert lesson.probe(x[:200], y[:200], x[200:], y[200:]) > 95


def test_channel_means_leave_no_hook(network, images):
    assert [tuple(f.shape) for f in lesson.channel_means(network, images[0])] == [(6, 12), (6, 24), (6, 32)]
    assert not any(layer._forward_hooks for layer in network)


def test_mark_only_where_chosen():
    x = torch.zeros(2, 1, 32, 32)
    got = lesson.marked(x, torch.tensor([True, False]))
    assert got.sum(dim=(1, 2, 3)).tolist() == [9, 0] and got[0, 0, 1:4, 1:4].min() == 1 and x.sum() == 0


def test_fields_of_the_patches_are_those_that_the_gradient_sees():
    torch.manual_seed(0)
    network, x = lesson.cnn().eval(), torch.rand(1, 1, 32, 32, requires_grad=True)
    for place, (step, first, size) in zip(lesson.RELUS, FIELDS, strict=True):
        layers = nn.Sequential(*(nn.AvgPool2d(2) if isinstance(m, nn.MaxPool2d) else m for m in network[: place - 1]))
        (gradient,) = torch.autograd.grad(layers(x)[0, :, 3, 3].sum(), x)
        rows = gradient[0, 0].abs().sum(dim=1).nonzero()[:, 0]
        start = max(0, 3 * step + first)
        assert (rows.min(), rows.max()) == (start, 3 * step + first + size - 1)


def test_nudged_weights_are_a_thousandth_off():
    torch.manual_seed(0)
    weight = lesson.cnn()[0].weight
    torch.manual_seed(0)
    assert 5e-4 < (lesson.nudged()[0].weight / weight - 1).abs().mean() < 1.5e-3


def row(values):
    """Return the recorded values as "lowest to highest", or one number where both are the same."""
    low, high = round(min(values)), round(max(values))
    return f"{low} to {high}" if low != high else f"{low}"


RUNS = RECORDED["main"] + RECORDED["nudged"]
MARKS = RECORDED["mark"] + [run["mark"] for run in RECORDED["nudged"]]


def test_page_quotes_the_recorded_hits():
    names = {"guided backprop": "guided backpropagation", "centre": "centre pixel"}
    for name in ("Grad-CAM", "guided backprop", "saliency", "centre", "edges"):
        assert f"| {names.get(name, name)} | {row([run['hits, 200 images'][name] for run in RUNS])} |" in TEXT
    untrained = [value for run in RUNS for value in run["hits, 200 images"]["guided, untrained"]]
    assert f"| the same, untrained | {row(untrained)} |" in TEXT and min(untrained) > 54 + 4


def test_page_quotes_the_recorded_answers_in_conflict():
    runs = RECORDED["conflict"] + [run["conflict"] for run in RECORDED["nudged"]]
    for name in ("tied, clear", "tied, faint", "random, faint"):
        by_shape, by_texture = zip(*(run[name] for run in runs), strict=True)
        assert f"| {name} | {row(by_shape)} | {row(by_texture)} |" in TEXT
    assert all(2 * run["tied, faint"][0] < run["tied, faint"][1] - 10 for run in runs)


def test_what_the_page_says_of_its_run_holds_in_every_recorded_run():
    for run in RUNS:
        hit, agree, after = run["hits"], run["with occlusion"], run["after reset"]
        assert min(hit[name] for name in ("Grad-CAM", "guided backprop", "occlusion")) > 58 > hit["untrained"]
        assert hit["guided, untrained"] > 62.5 and agree["guided backprop"] > agree["guided, untrained"] + 0.3
        assert max(agree["untrained"], agree["edges"]) < agree["saliency"] < agree["Grad-CAM"]
        heads, (alone, half) = run["ten new heads"], run["channels off"]
        assert sum(heads) / 10 + 0.25 < min(after["saliency"][0], after["guided backprop"][0]) and min(heads) < 0
        assert all(round(after[name][3], 1) in (0.2, 0.3) for name in ("Grad-CAM", "guided backprop"))
        assert after["saliency"][3] < 0.15 and alone < 2 and half < 6
        assert after["guided backprop"][1] > max(0.4, after["saliency"][1] + 0.1)
        assert run["roughness of filters"]["trained"] < run["roughness of filters"]["untrained"] - 0.1
        known = run["probe"]
        assert known["trained, shape"][0] + 5 < known["trained, shape"][1] and known["trained, shape"][1] > 95
        assert max(known["untrained, shape"]) < 85 and max(known["trained, texture"]) < 75
        for k in range(3):
            careless, careful = run["logit found"][0][k], run["logit found"][1][k]
            assert careless > careful > 3 * run["largest logit"][k]
            assert run["roughness found"][0][k] > run["roughness found"][1][k] + 0.3


def test_the_mark_was_used_in_every_recorded_run():
    for run in MARKS:
        found, (before, after) = run["discs found"], run["others called disc"]
        assert run["as in training"] > run["no mark"] + 6
        assert run["maximum at the mark"] > 90 > 10 > run["maximum in the shape"]
        assert found["at its place"] > 95 and found["taken away"] < 55 and after > before + 25
        assert found["opposite corner"] < found["taken away"] + 10


def test_page_quotes_the_other_recorded_ranges():
    words = {
        "one pixel away": "one pixel further down and right", "opposite corner": "in the opposite corner",
        "at its place": "at its place", "taken away": "taken away",
    }
    for name, start in words.items():
        assert f"| {start}: discs found | {row([run['discs found'][name] for run in MARKS])} |" in TEXT
    called_disc = [run["others called disc"][1] for run in MARKS]
    assert f"| at its place: others called disc | {row(called_disc)} |" in TEXT
    first, second = zip(*(run["probe"]["trained, shape"][:2] for run in RUNS), strict=True)
    assert f"block 1 gave {row(first)} %, block 2 {row(second)} %" in TEXT
    assert "Grad-CAM and guided backpropagation keep about 0.2 in the recorded runs, and saliency 0.1<!--" in TEXT


def test_the_nudged_runs_move_less_than_the_page_allows():
    limits = {"hits": 20, "with occlusion": 0.2}
    for run, other in zip(RECORDED["main"], RECORDED["nudged"], strict=False):
        for name, limit in limits.items():
            assert all(abs(run[name][method] - other[name][method]) <= limit for method in run[name])


def test_no_todo_is_left():
    assert not re.search(r"TODO|[A-Z]{2}_[A-Z]{1,2}\b", TEXT)
