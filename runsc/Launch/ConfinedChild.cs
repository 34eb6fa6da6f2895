using System.Globalization;
using System.Text;
using Sandbox.Linux;
using Sandbox.Platform.Spawn;
using Sandbox.Runsc.Boot;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Spec;
using static Tmds.Linux.LibC;

namespace Sandbox.Runsc.Launch;

/// <summary>
/// A further process of this program in namespaces of its own, with an empty root directory but for /proc, an empty
/// environment and exactly the given descriptors: the Sentry, or a Gofer.
/// </summary>
internal sealed class ConfinedChild : IDisposable
{
    /// <summary>The user and group "nobody".</summary>
    private const uint NobodyId = 65534;

    private const CloneFlags Namespaces = CloneFlags.NewUser | CloneFlags.NewPid | CloneFlags.NewMount
        | CloneFlags.NewIpc
        | CloneFlags.NewUts | CloneFlags.NewCgroup;

    private readonly SpawnScript _script;
    private readonly string _what;
    private readonly bool _keepsOwners;
    private bool _hasDiagnostics;
    private IdMaps _ids;
    private string? _clockOffsets;
    private readonly uint _callerId = geteuid();
    private readonly uint _callerGroup = getegid();

    /// <param name="what">Its name in errors: "sentry".</param>
    /// <param name="keepsOwners">
    /// It sees all ids of the host, as its root; else it is nobody, and there is no other id in its namespace.
    /// </param>
    /// <param name="keepsNetwork">It stays in the network namespace of the thread that starts it.</param>
    private ConfinedChild(string what, bool keepsOwners, bool keepsNetwork)
    {
        (_what, _keepsOwners) = (what, keepsOwners);
        _script = new SpawnScript(keepsNetwork ? Namespaces : Namespaces | CloneFlags.NewNet);
    }

    public int ProcessId => _script.ProcessId;

    /// <summary>The caller's to dispose.</summary>
    public HostFd PidFd => _script.PidFd!;

    /// <summary>
    /// Prepares the Sentry: nobody, with clocks that start now; with diagnostics, a directory for the port's socket.
    /// </summary>
    /// <param name="program">This program.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="descriptors">All it gets.</param>
    /// <param name="traits">What else it is to have.</param>
    public static ConfinedChild Sentry(
        HostFd program, ReadOnlySpan<string> arguments, Descriptors descriptors, SentryTraits traits)
    {
        ConfinedChild child = new("sentry", keepsOwners: false, traits.KeepsNetwork)
        {
            _clockOffsets = traits.ClockOffsets, _hasDiagnostics = traits.HasDiagnostics,
        };
        child.AddSteps(program, arguments, descriptors, startsClocks: true);
        return child;
    }

    /// <summary>
    /// Prepares a Gofer: root of a namespace that maps every id to itself, so that files keep their owners.
    /// </summary>
    /// <param name="program">This program.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="descriptors">All it gets.</param>
    /// <param name="ids">The user namespace of the configuration: the owners of files are seen through it.</param>
    public static ConfinedChild Gofer(
        HostFd program, ReadOnlySpan<string> arguments, Descriptors descriptors, IdMaps ids)
    {
        ConfinedChild child = new("gofer", keepsOwners: true, keepsNetwork: false) { _ids = ids };
        child.AddSteps(program, arguments, descriptors, startsClocks: false);
        return child;
    }

    /// <summary>Clones it, gives it its ids, and lets it run.</summary>
    public void Start()
    {
        if (_script.Start() is not Errno.Ok and Errno error)
        {
            throw new Failure(error == Errno.EPERM
                ? $"start the {_what}: user namespaces are not permitted on this host"
                : $"start the {_what}: clone: {error}");
        }

        string process = string.Create(CultureInfo.InvariantCulture, $"/proc/{_script.ProcessId}");
        if (_callerId == 0)
        {
            string nobody = $"{NobodyId} {NobodyId} 1";
            Write($"{process}/uid_map", _keepsOwners ? _ids.Users : nobody);
            Write($"{process}/gid_map", _keepsOwners ? _ids.Groups : nobody);
        }
        else
        {
            uint inside = _keepsOwners ? 0 : NobodyId;
            Write($"{process}/setgroups", "deny");
            Write($"{process}/uid_map", $"{inside} {_callerId} 1");
            Write($"{process}/gid_map", $"{inside} {_callerGroup} 1");
        }
    }

    /// <summary>Lets it go on, once it is in its cgroups.</summary>
    public void Release() => _script.Release();

    /// <summary>Waits until it executes; fails with the step that did not work.</summary>
    public void Finish()
    {
        SpawnOutcome outcome = _script.Finish();
        if (!outcome.Succeeded)
            throw new Failure($"start the {_what}: {outcome}");
    }

    public void Dispose() => _script.Dispose();

    private void AddSteps(HostFd program, ReadOnlySpan<string> arguments, Descriptors descriptors, bool startsClocks)
    {
        const int noNewPrivileges = 38;
        _script.AddWaitForRelease();
        _script.Add("setsid", Sys.setsid);
        _script.ResetSignals();
        if (startsClocks)
            AddClocks();
        if (!_keepsOwners)
            DropCapabilities();
        if (_callerId == 0)
            _script.Add("setgroups", Sys.setgroups, 0, 0);
        uint id = _keepsOwners ? 0 : NobodyId;
        _script.Add("setresgid", Sys.setresgid, id, id, id);
        _script.Add("setresuid", Sys.setresuid, id, id, id);
        AddRoot();
        _script.Control("PR_SET_NO_NEW_PRIVS", noNewPrivileges, 1);
        _script.ExecuteWith(program.Number, descriptors.All, arguments, Environment());
    }

    /// <summary>Nothing of the caller's; the runtime keeps its own settings.</summary>
    private string[] Environment() => _hasDiagnostics ? [$"TMPDIR={DiagnosticPort.Directory}/"] : [];

    /// <summary>
    /// Not even a program with file capabilities, which there is none of in its root, could give it any.
    /// </summary>
    private void DropCapabilities()
    {
        const int dropBounding = 24;
        for (int capability = 0; capability < CapabilityNames.All.Length; capability++)
            _script.AddOptional("PR_CAPBSET_DROP", Sys.prctl, dropBounding, capability);
    }

    /// <summary>
    /// A time namespace whose monotonic clocks start at zero: guests read them without a system call. Children have it
    /// at once, the Sentry itself from its execution on (Linux 6.1).
    /// </summary>
    private void AddClocks()
    {
        Timespec monotonic = Timespec.FromNanoseconds(HostClock.Now(HostClock.Monotonic));
        Timespec boot = Timespec.FromNanoseconds(HostClock.Now(HostClock.Boottime));
        _script.Add("unshare the clocks", Sys.unshare, (long)CloneFlags.NewTime);
        _script.WriteFile(
            "/proc/self/timens_offsets",
            _clockOffsets ?? string.Create(
                CultureInfo.InvariantCulture,
                $"monotonic {-monotonic.Seconds - 1} {1_000_000_000 - monotonic.Nanoseconds}\n"
                + $"boottime {-boot.Seconds - 1} {1_000_000_000 - boot.Nanoseconds}\n"));
    }

    /// <summary>
    /// A read-only tmpfs with nothing in it but /proc, which shows processes of the own pid namespace only.
    /// </summary>
    private void AddRoot()
    {
        const ulong readOnly = 1, noSetUid = 2, noDevices = 4, noExecute = 8, remount = 32, bind = 4096,
            recursive = 0x4000,
            isPrivate = 1 << 18;
        const int detach = 2;
        const ulong safe = noSetUid | noDevices | noExecute;
        _script.Mount("none", "/", null, isPrivate | recursive);
        // Mounted while the host's own /proc is still seen, as the kernel demands of a new user namespace.
        _script.Mount("tmpfs", "/tmp", "tmpfs", safe, "mode=0555,size=64k,nr_inodes=16");
        _script.MakeDirectory("/tmp/proc", Modes.O555);
        _script.Mount("proc", "/tmp/proc", "proc", safe | readOnly, "subset=pid");
        if (_hasDiagnostics)
        {
            // Its own, because the rest becomes read-only. The Sentry can write here until its filter is set.
            _script.MakeDirectory("/tmp" + DiagnosticPort.Directory, Modes.O700);
            _script.Mount("tmpfs", "/tmp" + DiagnosticPort.Directory, "tmpfs", safe, "mode=0700,size=64k,nr_inodes=4");
        }

        _script.ChangeDirectory("/tmp");
        _script.PivotRoot(".", ".");
        _script.Unmount(".", detach);
        _script.ChangeDirectory("/");
        _script.Mount("none", "/", null, remount | bind | readOnly | safe);
    }

    private static void Write(string path, string text)
    {
        if (HostFile.OpenAt(
            HostFile.CurrentDirectory, Encoding.ASCII.GetBytes(path), OpenFlags.WriteOnly | OpenFlags.CloseOnExec)
            .Failed(out int file, out Errno error))
        {
            throw new Failure($"open {path}: {error}");
        }

        bool failed = HostFile.Write(file, Encoding.ASCII.GetBytes(text)).Failed(out _, out error);
        HostFile.Close(file);
        if (failed)
            throw new Failure($"write {path}: {error}");
    }
}

/// <summary>What a Sentry is started with besides its descriptors.</summary>
/// <param name="KeepsNetwork">It is started in the container's network namespace, instead of an empty one.</param>
/// <param name="HasDiagnostics">Diagnostics are wanted.</param>
/// <param name="ClockOffsets">What /proc/self/timens_offsets is to have; null starts the clocks at zero.</param>
internal readonly record struct SentryTraits(bool KeepsNetwork, bool HasDiagnostics, string? ClockOffsets);
