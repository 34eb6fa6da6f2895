"""The ways to run a program: natively, under runc and crun, in gVisor and in Sandbox with each platform and option."""
import json
import os
import re
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# crun refuses a host with hybrid cgroups; it does not look further where it sees no second hierarchy.
CRUN = ["unshare", "--mount", "sh", "-c", 'umount /sys/fs/cgroup/unified 2>/dev/null; exec crun "$@"', "crun"]
CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_SETGID", "CAP_SETUID", "CAP_KILL"]
ENVIRONMENT = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp", "LC_ALL=C.UTF-8",
               "TERM=dumb"]
NATIVE = """set -eu
root=$1 data=$2; shift 2
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero urandom random full; do touch "$root/dev/$node"; mount --bind "/dev/$node" "$root/dev/$node"; done
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm" 2>/dev/null || { mkdir "$root/dev/shm"; chmod 1777 "$root/dev/shm"; }
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --bind "$data" "$root/data"
exec env -i "$@"
"""


class Runtime:
    """A runtime with its flags; no command means natively."""

    def __init__(self, name, command=None, version=""):
        self.name = name
        self.command = command
        self.version = version

    @property
    def is_ours(self):
        return self.name.startswith("Sandbox")

    @property
    def key(self):
        """The name as a part of a file name."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower())


def first_line(*command):
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return output.strip().splitlines()[0] if output.strip() else ""


def sandbox_variants(path):
    """Our binary with each platform and option that its help names."""
    text = subprocess.run([path, "help"], capture_output=True, text=True, timeout=30).stdout

    def choices(flag):
        line = re.search(rf"^\s*--{flag} VALUE\s+(.*)$", text, re.MULTILINE)
        return line.group(1) if line else ""

    default = re.search(r"default (\w+)", choices("platform"))
    default = default.group(1) if default else "notify"
    names = [default] + [name for name in ("notify", "ptrace") if name != default and name in choices("platform")]
    variants = [(f"Sandbox {name}", [f"--platform={name}"]) for name in names]
    for option, what in (("fast-path", "fast path"), ("fsgsbase", "FSGSBASE"), ("direct-memory", "direct memory")):
        if choices(option):  # the other way than the default
            is_on = "default true" in choices(option)
            name = f"Sandbox {'without' if is_on else 'with'} {what}"
            variants.append((name, [f"--{option}={'false' if is_on else 'true'}"]))
    version = first_line(path, "--version")
    return [Runtime(name, [path, "--ignore-cgroups", *flags], version) for name, flags in variants]


def gvisor_variants():
    """Debian's gVisor: what get-gvisor.sh unpacked, and what is installed."""
    found = []
    places = [("gVisor", os.path.join(ROOT, "artifacts", "gvisor", "root", "usr", "bin", "runsc")),
              ("gVisor (bookworm)", os.path.join(ROOT, "artifacts", "gvisor-bookworm", "root", "usr", "bin", "runsc"))]
    if os.environ.get("GVISOR_RUNSC"):
        places = [("gVisor", os.environ["GVISOR_RUNSC"])]
    for name, path in places:
        if os.path.exists(path):
            version = first_line(path, "--version")
            for platform in ("systrap", "ptrace"):
                command = [path, f"--platform={platform}", "--network=none", "--ignore-cgroups"]
                found.append(Runtime(f"{name} {platform}", command, version))
    return found


def all_runtimes():
    """In the order of the table's columns. Those that are not installed are left out."""
    found = [Runtime("native", version=os.uname().release)]
    if shutil.which("runc"):
        found.append(Runtime("runc", [shutil.which("runc")], first_line("runc", "--version")))
    if shutil.which("crun"):
        found.append(Runtime("crun", [*CRUN, "--cgroup-manager=disabled"], first_line("crun", "--version")))
    found += gvisor_variants()
    ours = os.environ.get("SANDBOX_RUNSC", os.path.join(ROOT, "artifacts", "runsc"))
    return found + (sandbox_variants(ours) if os.path.exists(ours) else [])


def config(root, data, arguments):
    """The same container for all: its own /tmp in memory, and /data, a directory of the host."""
    mounts = [{"destination": "/proc", "type": "proc", "source": "proc"},
              {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
              {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=1777"]},
              {"destination": "/data", "type": "bind", "source": data, "options": ["rbind", "rw"]}]
    sets = {name: CAPABILITIES for name in ("bounding", "effective", "permitted")}
    return {
        "ociVersion": "1.0.2",
        "process": {"terminal": False, "user": {"uid": 0, "gid": 0}, "args": arguments, "env": ENVIRONMENT, "cwd": "/",
                    "capabilities": sets, "noNewPrivileges": True},
        "root": {"path": root, "readonly": False},
        "hostname": "compare",
        "mounts": mounts,
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]},
    }


class Containers:
    """Starts programs in a root with each runtime. `cpus` (as taskset -c takes them) holds all of them to these cores."""

    def __init__(self, folder, root, cpus=None):
        self.folder = folder
        self.root = root
        self.data = os.path.join(folder, "data")
        self.prefix = ["taskset", "-c", cpus] if cpus else []
        self.started = 0
        os.mkdir(self.data)

    def bundle(self, arguments):
        """A fresh container's name; its bundle is the folder of that name."""
        self.started += 1
        name = f"compare-{os.getpid()}-{self.started}"
        os.mkdir(os.path.join(self.folder, name))
        with open(os.path.join(self.folder, name, "config.json"), "w", encoding="utf-8") as file:
            json.dump(config(self.root, self.data, arguments), file)
        return name

    def command(self, runtime, *arguments):
        state = os.path.join(self.folder, "state-" + runtime.key)
        return [*self.prefix, *runtime.command[:1 if runtime.command[0] != "unshare" else len(CRUN)], "--root", state,
                *runtime.command[1 if runtime.command[0] != "unshare" else len(CRUN):], *arguments]

    def start(self, runtime, arguments, **options):
        """Starts a program; gives the process that ends with it and the command that removes what it leaves."""
        options.setdefault("stdin", subprocess.DEVNULL)
        if runtime.command is None:
            inner = [*ENVIRONMENT, "chroot", self.root, *arguments]
            # On the host's network, for its loopback is up. In a pid namespace of its own, so that nothing outlives it.
            command = [*self.prefix, "unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child",
                       "sh", "-c", NATIVE, "sh", self.root, self.data, *inner]
            return subprocess.Popen(command, start_new_session=True, **options), None
        name = self.bundle(arguments)
        command = self.command(runtime, "run", "--bundle", os.path.join(self.folder, name), name)
        process = subprocess.Popen(command, start_new_session=True, **options)
        return process, self.command(runtime, "delete", "--force", name)

    @staticmethod
    def end(process, cleanup):
        """Whatever is left of it goes."""
        if process.poll() is None:
            os.killpg(process.pid, 9)
            process.wait()
        if cleanup:
            try:
                subprocess.run(cleanup, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30)
            except subprocess.TimeoutExpired:
                pass
