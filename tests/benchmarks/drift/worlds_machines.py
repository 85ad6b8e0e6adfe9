"""Clean worlds of machines: sensors, logs, hourly events, trips."""

from __future__ import annotations

import json
import math
import random
from datetime import datetime, timedelta

from worlds import Batch, Columns, pick, sparse, stamps, volume, world


@world("sensors")
def sensors(rng: random.Random) -> Batch:
    """Autocorrelated readings at fixed times, a season of the day, a battery that runs down, weather that wanders."""
    devices, minutes = rng.choice([1, 4, 12]), rng.choice([10, 30, 60])
    weather, battery = [8.0], [rng.uniform(40, 100) for _ in range(devices)]

    def batch(at: datetime, number: int) -> Columns:
        found: Columns = {name: [] for name in ("ts", "device", "temperature", "humidity", "battery", "status")}
        weather[0] = 0.93 * weather[0] + rng.gauss(0.4, 1.2)
        noise = 0.0
        for step in range(0, 1440, minutes):
            for device in range(devices):
                noise = 0.9 * noise + rng.gauss(0, 0.2)
                warm = weather[0] + 4 * math.sin((step / 1440 - 0.4) * 2 * math.pi) + noise + device * 0.3
                battery[device] = 100.0 if battery[device] < 5 else battery[device] - rng.expovariate(1) * minutes / 900
                found["ts"].append(f"{at + timedelta(minutes=step):%Y-%m-%d %H:%M:%S}")
                found["device"].append(f"dev-{device + 1}")
                found["temperature"].append(f"{warm:.1f}")
                found["humidity"].append(str(int(min(100, max(15, 70 - 2 * warm + rng.gauss(0, 4))))))
                found["battery"].append(f"{battery[device]:.1f}")
                found["status"].append("ok" if rng.random() < 0.995 else "retry")
        return found

    return batch


@world("logs")
def logs(rng: random.Random) -> Batch:
    """Events of an application: JSON, paths, durations with a long tail, versions that are rolled out over days."""
    base, state = rng.choice([500, 4000]), {"new": 0.0, "minor": 8}

    def batch(at: datetime, number: int) -> Columns:
        state["new"] = min(1.0, state["new"] + rng.uniform(0.02, 0.2))
        if state["new"] == 1.0 and rng.random() < 0.2:
            state["new"], state["minor"] = 0.05, state["minor"] + 1
        n = volume(rng, at, number, base, 0.006, 0.75)
        level = pick(rng, {"info": 92, "warn": 6, "error": 1.6, "fatal": 0.02}, n)
        spent = [rng.lognormvariate(4, 1.1) for _ in range(n)]
        agents = {"Mozilla/5.0 (X11)": 5, "Mozilla/5.0 (Mac)": 3, "curl/8.4.0": 1, "okhttp/4.12": 1, "bot/2": 0.1}
        return {
            "ts": [f"{t:%Y-%m-%dT%H:%M:%S}.{rng.randrange(10**6):06d}Z" for t in stamps(rng, at, n, (13, 5))],
            "level": level,
            "path": [f"/v1/{rng.choice(['orders', 'users', 'items'])}/{rng.randrange(90_000)}" for _ in range(n)],
            "ms": [f"{s:.3f}" for s in spent],
            "code": ["200" if v == "info" else rng.choice(["400", "404", "500", "503"]) for v in level],
            "version": [f"3.{int(state['minor']) + (rng.random() < state['new'])}.0" for _ in range(n)],
            "payload": [json.dumps({"user": rng.randrange(4000), "ok": v != "error"}) for v in level],
            "trace": [f"{rng.getrandbits(128):032x}" for _ in range(n)],
            "agent": pick(rng, agents, n),
            "bytes": [str(int(s * 40 + rng.expovariate(1 / 900))) for s in spent],
            "exception": [rng.choice(["Timeout", "KeyError", "IOError"]) if v == "error" else "" for v in level],
        }

    return batch


@world("requests", "hour")
def requests(rng: random.Random) -> Batch:
    """Hourly batches: volume and mix by the hour of the day."""
    base = rng.choice([30, 250])

    def batch(at: datetime, number: int) -> Columns:
        n = volume(rng, at, number, base * (1.2 + math.sin((at.hour - 9) / 24 * 2 * math.pi)))
        mobile = 0.4 + 0.2 * math.sin(at.hour / 24 * 2 * math.pi)
        return {
            "at": sorted(f"{at + timedelta(seconds=rng.randrange(3600)):%Y-%m-%d %H:%M:%S}" for _ in range(n)),
            "user": [str(rng.randrange(2000)) for _ in range(n)],
            "device": ["mobile" if rng.random() < mobile else "web" for _ in range(n)],
            "country": pick(rng, {"DE": 50, "AT": 9, "CH": 8, "LI": 0.1}, n),
            "seconds": [f"{rng.expovariate(0.4):.2f}" for _ in range(n)],
            "cart": sparse(rng, [f"{rng.lognormvariate(3, 0.7):.2f}" for _ in range(n)], 0.07),
            "page": [str(int(rng.paretovariate(1))) for _ in range(n)],
        }

    return batch


@world("trips")
def trips(rng: random.Random) -> Batch:
    """Trips of a fleet: coordinates, meters and seconds, an odometer that grows, zones."""
    cars = rng.choice([5, 40])
    odometer = [rng.choice([8_000, 60_000, 98_000]) + rng.randrange(2000) for _ in range(cars)]

    def batch(at: datetime, number: int) -> Columns:
        n = volume(rng, at, number, rng.choice([6, 7, 8]) * cars, 0, 0.6)
        car = [rng.randrange(cars) for _ in range(n)]
        meters = [int(rng.lognormvariate(8.5, 0.8)) for _ in range(n)]
        shown = []
        for c, m in zip(car, meters, strict=True):
            odometer[c] += m // 1000 + 1
            shown.append(odometer[c])
        start = stamps(rng, at, n, (13, 4))
        seconds = [int(m / rng.uniform(6, 14)) + 60 for m in meters]
        return {
            "car": [f"B-{c + 1:03d}" for c in car],
            "start_at": [f"{t:%Y-%m-%d %H:%M:%S}" for t in start],
            "end_at": [f"{t + timedelta(seconds=s):%Y-%m-%d %H:%M:%S}" for t, s in zip(start, seconds, strict=True)],
            "meters": [str(m) for m in meters],
            "seconds": [str(s) for s in seconds],
            "odometer": [str(o) for o in shown],
            "lat": [f"{52.5 + rng.gauss(0, 0.05):.6f}" for _ in range(n)],
            "lon": [f"{13.4 + rng.gauss(0, 0.09):.6f}" for _ in range(n)],
            "zone": [f"{int(rng.paretovariate(0.8)) % 40 + 1}" for _ in range(n)],
            "fuel": [f"{min(100, max(3, rng.gauss(55, 22))):.0f}" for _ in range(n)],
            "driver": sparse(rng, [f"D{rng.randrange(60):02d}" for _ in range(n)], 0.97),
            "damage": sparse(rng, ["scratch"] * n, 0.004),
        }

    return batch
