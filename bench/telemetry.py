# SPDX-License-Identifier: Apache-2.0
"""Telemetry in figures: loss under faults, ingest, queries, bytes on wire, disk and card, beside the peers.

``python -m bench.telemetry`` prints the tables and one JSON line; ``--torture`` runs a thousand faults, the naive
design in the same rig, a million mutated messages and as many mutated MQTT sessions; ``--parts`` some of either.
Classes of durability: A answered from memory, B survives kill -9, C synced before it is accepted. Ours is C everywhere.
"""

import argparse
import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import Final

from bench import telemetry_cluster, telemetry_edge, telemetry_ingest
from tests.support import loopdisk
from tests.torture.log_power import bit_flips, full_disks, power_cuts
from tests.torture.telemetry import Outcome, torture

# key: what it is, unit, goal, durability class
ROWS: Final = {
    "ingest_points_per_s": ("ingest into InfluxDB, counted there", "points/s", ">= 75,000", "C"),
    "victoria_points_per_s": ("ingest into VictoriaMetrics, counted there", "points/s", ">= 1,000,000", "C"),
    "naive_points_per_s": ("naive peer: a message and a write a point", "points/s", "", "A"),
    "ratio_naive": ("ours / naive", "", ">= 63", ""),
    "cores_75k": ("broker and worker at 75,000 points/s", "cores", "<= 0.2", "C"),
    "p99_ms_75k": ("edge commit to readable, p99", "ms", "< 300", "C"),
    "ack_max_s": ("commit to acknowledged, worst", "s", "<= 2", "C"),
    "edge_us_per_point": ("edge: CPU a point, 50 a commit", "us", "<= 15", "C"),
    "bytes_per_point_wire": ("wire, 60 points a message, all headers", "bytes", "<= 5", ""),
    "bytes_per_point_disk": ("disk with roll-ups, 13 million points", "bytes", "<= 0.3", ""),
    "device_bytes_per_point": ("written to the card a point", "bytes", "", "C"),
    "card_mb_day_safe": ("card, 50 series at 10 s, profile safe", "MB/day", "<= 80", "C"),
    "card_mb_day_sd": ("card, profile sd-card", "MB/day", "<= 15", "C"),
    "q_last50_ms": ("last of 50 series over HTTP", "ms", "<= 2", ""),
    "q_30d_ms": ("30 days hourly over HTTP", "ms", "<= 3", ""),
    "q_24h_ms": ("24 h raw of six series over HTTP", "ms", "<= 6", ""),
    "drain_24h_s": ("a day's backlog, all read back", "s", "<= 5", "C"),
    "drain_points_per_s": ("thirty days of backlog, while it is sent", "points/s", ">= 20,000", "C"),
    "live_lag_s": ("live point meanwhile, worst", "s", "< 2", "C"),
    "rss_mb": ("edge's memory meanwhile", "MB", "<= 64", ""),
    "torture_faults": ("faults", "", ">= 250", ""),
    "torture_kinds": ("kinds of fault", "", ">= 15", ""),
    "accepted": ("points accepted under faults", "", "", "C"),
    "lost": ("of them lost", "", "0", "C"),
    "duplicates": ("there twice", "", "0", ""),
    "disordered": ("out of order", "", "0", ""),
    "recovery_p99_s": ("recovery, p99", "s", "< 5", ""),
    "recovery_max_s": ("recovery, worst", "s", "< 15", ""),
    "cluster_gap_s": ("cluster: gap when a node dies", "s", "<= 5", ""),
    "cluster_lost": ("cluster: accepted and not readable afterwards", "", "0", "C"),
    "cluster_points_per_s": ("cluster: load meanwhile", "points/s", ">= 75,000", ""),
    "naive_accepted": ("naive design under the same faults: accepted", "", "", "A"),
    "naive_lost": ("of them lost", "", "", ""),
    "mutants": ("mutated messages at the hub", "", ">= 1,000,000", ""),
    "mutant_sessions": ("mutated MQTT sessions at broker and hub", "", ">= 1,000,000", ""),
    "mutant_good_unanswered": ("of a good farm's batches among them not acknowledged", "", "0", ""),
    "mutants_slipped": ("of them stored though they may not be", "", "0", ""),
}
RIGS: Final = 3
NAIVE_FAULTS: Final = 6
MUTANTS: Final = 1_000_000
MUTANT_RUNS: Final = 2
SINGLE: Final = {"power cut": 12, "disk full": 6, "bit flipped": 40}


async def faults(count: int, seed: int, *, naive: bool = False) -> list[Outcome]:
    """Run rigs side by side, each its share."""
    rigs = [torture(count // RIGS, seed + at, naive=naive) for at in range(RIGS)]
    return list(await asyncio.gather(*rigs))


def add_up(outcomes: list[Outcome]) -> Outcome:
    """Add what several rigs found."""
    whole = Outcome()
    for each in outcomes:
        whole.faults += each.faults
        whole.kinds += each.kinds
        whole.recovery_s += each.recovery_s
        whole.accepted += each.accepted
        whole.lost += each.lost
        whole.duplicates += each.duplicates
        whole.disordered += each.disordered
        for kind, took in each.slowest.items():
            whole.slowest[kind] = max(took, whole.slowest.get(kind, 0.0))
    return whole


def log_faults(whole: Outcome, scale: int) -> None:
    """Add the faults of a card: power cuts and full disks on a real ext4, flipped bits."""
    if loopdisk.possible():
        for kind, run in (("power cut", power_cuts), ("disk full", full_disks)):
            accepted, lost = run(SINGLE[kind] * scale, 1)
            whole.faults += SINGLE[kind] * scale
            whole.kinds[kind] += SINGLE[kind] * scale
            whole.accepted += accepted
            whole.lost += lost
    found, wrong = bit_flips(SINGLE["bit flipped"] * scale, 1)
    whole.faults += SINGLE["bit flipped"] * scale
    whole.kinds["bit flipped"] += found
    whole.lost += wrong + SINGLE["bit flipped"] * scale - found


def show_torture(title: str, whole: Outcome) -> None:
    """Print the table of faults."""
    print(f"\n{title}")
    for kind, times in sorted(whole.kinds.items()):
        print(f"  {kind:20} {times:5}  slowest recovery {whole.slowest.get(kind, 0.0):6.2f} s")
    print(f"  accepted {whole.accepted:,}, lost {whole.lost:,}, twice {whole.duplicates:,}")


def mutants(count: int, seed: int) -> dict[str, object]:
    """Give the hub mutated messages, in as many processes as there are cores, and say what became of them."""
    command = [sys.executable, "-m", "tests.torture.hub_mutants", "--count", str(count // MUTANT_RUNS), "--seed"]
    runs = [
        subprocess.Popen([*command, str(seed + at)], stdout=subprocess.PIPE, text=True) for at in range(MUTANT_RUNS)
    ]
    found = [json.loads(run.communicate()[0].splitlines()[-1]) for run in runs]
    refused: Counter[str] = Counter()
    for each in found:
        refused.update(each["refused"])
    print(f"\n{count:,} mutated messages at the hub, refused by reason")
    for reason, times in refused.most_common():
        print(f"  {reason:20} {times:10,}")
    print(f"  let pass {sum(each['lines'] for each in found):,} lines, each well formed and under its own edge")
    slipped = sum(times for each in found for times in each["slipped"].values())
    grown_mb = max(each["grown_mb"] for each in found)
    return {"mutants": count, "mutants_slipped": slipped, "mutants_grown_mb": grown_mb, "mutants_refused": refused}


def sessions(count: int, seed: int) -> dict[str, object]:
    """Play mutated MQTT sessions at a Mosquitto and a hub, two of each side by side; say what became of them."""
    command = [sys.executable, "-m", "tests.torture.broker_mutants", "--count", str(count // MUTANT_RUNS), "--seed"]
    runs = [
        subprocess.Popen([*command, str(seed + at)], stdout=subprocess.PIPE, text=True) for at in range(MUTANT_RUNS)
    ]
    outs = [run.communicate()[0] for run in runs]
    print("\n".join(outs))
    found = [json.loads(out.splitlines()[-1]) for out in outs]  # one that broke off has no such line, and says why
    return {
        "mutant_sessions": sum(each["sessions"] for each in found),
        "mutant_good_unanswered": sum(each["good_sent"] - each["good_acknowledged"] for each in found),
    }


Found = tuple[dict[str, object], dict[str, str]]  # figures and notes


def edge_part(_options: argparse.Namespace) -> Found:
    """Measure the edge's side and its peers."""
    figures, peers, notes = telemetry_edge.run()
    return {**figures, "peers": peers}, notes


def ingest_part(_options: argparse.Namespace) -> Found:
    """Measure the cooperative's side and the naive peer."""
    figures, notes = telemetry_ingest.run(seconds=60)
    return dict(figures), notes


def cluster_part(_options: argparse.Namespace) -> Found:
    """Kill the nodes of a cluster under load."""
    figures, note = telemetry_cluster.run()
    return dict(figures), {"cluster": note}


def faults_part(options: argparse.Namespace) -> Found:
    """Break everything in the rig, and the naive design in the same one."""
    whole = add_up(asyncio.run(faults(options.faults or (940 if options.torture else 196), options.seed)))
    log_faults(whole, 4 if options.torture else 1)
    peer = add_up(asyncio.run(faults(36 if options.torture else NAIVE_FAULTS, options.seed, naive=True)))
    show_torture("The naive design in the same rig", peer)
    show_torture("Faults", whole)
    return whole.line() | {"naive_accepted": peer.accepted, "naive_lost": peer.lost}, {}


PARTS: Final[dict[str, Callable[[argparse.Namespace], Found]]] = {
    "edge": edge_part,
    "ingest": ingest_part,
    "cluster": cluster_part,
    "faults": faults_part,
    "mutants": lambda options: (mutants(MUTANTS, options.seed), {}),
    "sessions": lambda options: (sessions(MUTANTS, options.seed), {}),
}
BENCH: Final = ("edge", "ingest", "cluster", "faults")
TORTURE: Final = ("faults", "mutants", "sessions")


def main() -> None:
    """Run the bench, or the long torture, or some parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torture", action="store_true", help="a thousand faults, a million messages and sessions")
    parser.add_argument("--parts", default="", help=f"some of {','.join(PARTS)}")
    parser.add_argument("--faults", type=int, default=0, help="how many faults in the rig")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    wanted = options.parts.split(",") if options.parts else list(TORTURE if options.torture else BENCH)
    if unknown := set(wanted) - set(PARTS):
        parser.error(f"no part is called {', '.join(sorted(unknown))}")
    figures: dict[str, object] = {}
    notes: dict[str, str] = {}
    for name in wanted:
        found, more = PARTS[name](options)
        figures |= found
        notes |= more
    print()
    for key, (title, unit, goal, durability) in ROWS.items():
        if key in figures:
            value = figures[key]
            text = "-" if value is None else f"{value:,.3f}" if isinstance(value, float) else f"{value:,}"
            print(f"{title:46} {text:>16} {unit:9} goal {goal:12} {durability}")
    figures["notes"] = notes
    print(json.dumps({key: round(v, 4) if isinstance(v, float) else v for key, v in figures.items()}))
    sys.exit(1 if any(figures.get(key) for key in ("lost", "duplicates", "disordered")) else 0)


if __name__ == "__main__":
    main()
