"""Smoke."""
import torch
from hub_server import TOKEN, Hub

import zoo
from zoo.hub import Place


def test_round(hub: Hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    from zoo.publish import inspect, packed, send
    place = Place("someone/vae-digits")
    with packed("vae-digits", place.repository) as parcel:
        print(parcel.files())
        print((parcel.folder/"README.md").read_text())
        inspect(parcel, place)
        print(send(parcel, place))
    monkeypatch.delenv("HF_TOKEN")
    print("\n".join(hub.requests)); hub.requests.clear()
    m = zoo.load("someone/vae-digits")
    print("\n".join(hub.requests)); hub.requests.clear()
    assert torch.equal(m.sample(8, seed=0), zoo.load("vae-digits").sample(8, seed=0))
    zoo.load("someone/vae-digits")
    print("\n".join(hub.requests)); hub.requests.clear()
    print(str(zoo.card("someone/vae-digits"))[:300])
    from zoo.hub.cache import clear, fetched
    print(fetched())
    clear(fetched())
    print(fetched())
