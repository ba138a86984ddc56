"""Medians, spread and ratios of many runs, as one table."""
import statistics

# metric → (how it is called, whether less is better)
METRICS = {"rate": ("/s", False), "p50_us": ("p50 µs", True), "p99_us": ("p99 µs", True),
           "cpu_us": ("CPU µs", True), "seconds": ("s", True), "cpu_percent": ("CPU %", True), "rss_mib": ("RSS MiB", True), "elections": ("elections", True)}
# How often muster is better than the other: shown right of the other's column.
RATIOS = {"etcd grpc": "muster", "etcd json": "muster", "etcd grpc plain": "muster unix", "etcd json plain": "muster unix"}


def run_line(what, clients, column, said):
    noisy = "  OTHERS" if said["is_noisy"] else ""
    figures = "  ".join(f"{called} {number(said[m])}" for m, (called, _) in METRICS.items() if m in said)
    text = f"  {what:<10}{clients or '':>4}  {column:<16}{figures}  others {said['others']:.2f}{noisy}"
    if said["errors"]:
        text += f"  errors {said['errors']}: {said['why'][:200]}"
    return text


def summary(runs):
    """metric → median and ends of the runs; quiet ones count alone if they are at least three."""
    quiet = [r for r in runs if not r["is_noisy"]]
    used = quiet if len(quiet) >= 3 else runs
    found = {m: {"median": statistics.median(r[m] for r in used), "min": min(r[m] for r in used),
                 "max": max(r[m] for r in used)} for m in METRICS if m in used[0]}
    found["runs"] = len(used)
    found["noisy"] = len(runs) - len(quiet)
    found["errors"] = sum(r["errors"] for r in runs)
    return found


def rows(runs):
    """One row for each load and number of clients."""
    return [{"what": what, "clients": clients, "columns": {c: summary(r) for c, r in by_column.items()}}
            for (what, clients), by_column in runs.items()]


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(found, metric):
    if metric not in found:
        return ""
    s = found[metric]
    spread = (s["max"] - s["min"]) / 2 / s["median"] if s["median"] else 0
    return f"{number(s['median'])} ±{100 * spread:.0f}%"


def ratio(row, column, metric):
    ours = row["columns"].get(RATIOS[column], {}).get(metric)
    theirs = row["columns"].get(column, {}).get(metric)
    if not ours or not theirs or not theirs["median"]:
        return ""
    return f"×{ours['median'] / theirs['median']:.2f}"


def lines(found):
    columns = [c for c in ("muster", "etcd grpc", "etcd json", "muster unix", "etcd grpc plain", "etcd json plain", "limit")
               if any(c in row["columns"] for row in found["rows"])]
    head = ["", ""]
    for c in columns:
        head += [c, "ratio"] if c in RATIOS else [c]
    yield head
    for row in found["rows"]:
        name = f"{row['what']} {row['clients']}" if row["clients"] else row["what"]
        for metric, (called, _) in METRICS.items():
            line = [name, called]
            for c in columns:
                line.append(cell(row["columns"].get(c, {}), metric))
                if c in RATIOS:
                    line.append(ratio(row, c, metric))
            if any(line[2:]):
                yield line
                name = ""


def text(found):
    if not found["rows"]:
        return "nothing was measured"
    all_lines = list(lines(found))
    widths = [max(len(line[i]) for line in all_lines) for i in range(len(all_lines[0]))]
    shown = ["  ".join(item.ljust(w) if i < 2 else item.rjust(w) for i, (item, w) in enumerate(zip(line, widths)))
             for line in all_lines]
    noisy = sum(c["noisy"] for row in found["rows"] for c in row["columns"].values())
    total = sum(c["runs"] for row in found["rows"] for c in row["columns"].values())
    errors = sum(c["errors"] for row in found["rows"] for c in row["columns"].values())
    shown.append(f"median (± half of most less least) of {found['rounds']} alternating runs of {found['seconds']} s; ratio: muster / etcd; "
                 f"CPU: all members, a request; {found['cores']} cores; commit {found['commit']}")
    shown.append(f"{noisy} runs with others above 0.2 core (left out where three quiet ones remain, {total} counted); {errors} errors")
    return "\n".join(shown)
