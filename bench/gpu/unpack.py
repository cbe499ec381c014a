"""Lays out, on a machine that has neither Node nor a network, what was carried to it under .stage/.

    python3 bench/gpu/unpack.py      in the repository's root; everything goes to $ESP (/tmp/esp), the sources to $ESP/repo

Only Python's standard library: the machine may lack xz.
"""
import json
import lzma
import os
import shutil
import sys
import tarfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ESP = Path(os.environ.get("ESP", "/tmp/esp"))
ROOT = ESP / "repo"
BINDING = ROOT / "node_modules/onnxruntime-node/bin/napi-v6/linux/x64"

#: Compressed file -> where it goes.
FILES = {
    "node.xz": (ESP / "bin/node",),
    "ortnode.so.xz": (ESP / "ort/npm.so",),
    "ortpip.so.xz": (ESP / "ort/pip.so",),
    "provider.so.xz": (ESP / "ort/libonnxruntime_providers_cuda.so",),
}
PLAIN = {
    "onnxruntime_binding.node": BINDING / "onnxruntime_binding.node",
    "libonnxruntime_providers_shared.so": BINDING / "libonnxruntime_providers_shared.so",
    "libtrace.so": ESP / "ort/libtrace.so",
}
TARS = {"node_modules.tar.xz": ROOT, "src.tar.xz": ROOT, "history.tar.xz": ESP, "goldens.tar.xz": ESP, "ortpy.tar.xz": ESP}
#: What changes from call to call.
SOURCES = ("src.tar.xz", "history.tar.xz")


def unpack(source: Path) -> str:
    if source.name in TARS:
        TARS[source.name].mkdir(parents=True, exist_ok=True)
        with tarfile.open(source, "r:xz") as tar:
            tar.extractall(TARS[source.name], filter="fully_trusted")
        return source.name
    (target,) = FILES[source.name]
    target.parent.mkdir(parents=True, exist_ok=True)
    # Beside it first: whoever sees the file sees all of it.
    part = target.with_suffix(".part")
    with lzma.open(source) as packed, open(part, "wb") as out:
        shutil.copyfileobj(packed, out, 1 << 22)
    part.chmod(0o755)
    part.rename(target)
    return source.name


def done_mark(source: Path) -> Path:
    return ESP / f"unpacked.{source.name}.{source.stat().st_size}"


def is_done(source: Path) -> bool:
    """What an earlier call left on the machine need not be unpacked anew."""
    return source.name not in SOURCES and done_mark(source).exists()


def link_workspaces(root: Path) -> None:
    for manifest in [*root.glob("packages/*/package.json"), *root.glob("services/*/package.json")]:
        name = json.loads(manifest.read_text())["name"]
        link = root / "node_modules" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(os.path.relpath(manifest.parent, link.parent))


def link_history() -> None:
    """Earlier versions run with the packages of this one, but for their own workspaces."""
    for version in (ESP / "history").glob("*"):
        modules = version / "node_modules"
        modules.mkdir(exist_ok=True)
        for package in (ROOT / "node_modules").iterdir():
            link = modules / package.name
            if package.name != "@espalier" and not link.is_symlink():
                link.symlink_to(package)
        link_workspaces(version)


def main() -> None:
    ESP.mkdir(parents=True, exist_ok=True)
    staged = {p.name: p for p in sorted(Path(".stage").glob("*/*")) if p.is_file()}
    failed = False
    with ProcessPoolExecutor() as pool:
        work = {n: pool.submit(unpack, p) for n, p in staged.items() if (n in TARS or n in FILES) and not is_done(p)}
        for name, future in work.items():
            try:
                future.result()
                done_mark(staged[name]).write_text("")
                print("unpacked", name, flush=True)
            except Exception as error:  # the others still count
                failed = True
                print("FAILED", name, repr(error), flush=True)
    for name, target in PLAIN.items():
        if name in staged:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(staged[name], target)
    if (ROOT / "node_modules").is_dir():
        link_workspaces(ROOT)
        link_history()
    provider = ESP / "ort/libonnxruntime_providers_cuda.so"
    if provider.exists() and BINDING.is_dir():
        beside = BINDING / provider.name
        beside.unlink(missing_ok=True)
        beside.symlink_to(provider)
    core = ESP / "ort/npm.so"
    if core.exists() and BINDING.is_dir():
        shutil.copyfile(core, BINDING / "libonnxruntime.so.1")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
