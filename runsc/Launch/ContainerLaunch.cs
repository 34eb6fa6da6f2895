using System.Text.Json;
using Sandbox.Linux;
using Sandbox.Runsc.Boot;
using Sandbox.Runsc.Cgroups;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Spec;
using Sandbox.Runsc.State;
using Sandbox.Sentry.Control;
using static Tmds.Linux.LibC;

namespace Sandbox.Runsc.Launch;

/// <summary>What create and run are asked for.</summary>
/// <param name="Bundle">Absolute path.</param>
/// <param name="Console">The slave of the container's terminal, or -1.</param>
/// <param name="PreserveFds">How many descriptors from 3 on the container gets.</param>
internal sealed record LaunchRequest(string Bundle, int Console, int PreserveFds)
{
    /// <summary>The container's program runs as soon as it can; start is not needed.</summary>
    public bool StartsAtOnce { get; init; }

    /// <summary>
    /// Writes to the root file system stay in memory unless the options say otherwise. Engines, which call create, give
    /// each container a root of its own and look there for what it wrote; a person's run leaves the bundle as it was.
    /// </summary>
    public bool OverlaysRoot { get; init; }
}

/// <summary>
/// Makes a container: cgroups, Gofer, Sentry and monitor, up to the point where only start is missing. Undoes all of it
/// when something fails; what a killed command leaves ends by itself,
/// for every part of it waits for another's end of file.
/// </summary>
internal sealed class ContainerLaunch : IDisposable
{
    private const int GoferConnections = 3, FirstExtraFd = 3;
    private readonly GlobalOptions _options;
    private readonly ContainerDirectory _directory;
    private readonly Specification _specification;
    private readonly LaunchRequest _request;
    private readonly Membership _membership;
    private readonly ContainerState _state;
    private readonly List<IDisposable> _owned = [];
    private readonly List<HostFd> _children = [];

    public ContainerLaunch(
        GlobalOptions options, ContainerDirectory directory, Specification specification, LaunchRequest request)
    {
        (_options, _directory, _specification, _request) = (options, directory, specification, request);
        _membership = Membership.Find(directory.Id, specification, new StateDirectory(options.Root));
        _state = new ContainerState
        {
            Id = directory.Id,
            SandboxId = _membership.SandboxId,
            Bundle = request.Bundle,
            Rootfs = DescriptionBuilder.RootfsPath(request.Bundle, specification),
            OciVersion = specification.OciVersion!,
            Created = DateTime.UtcNow.ToString("O", System.Globalization.CultureInfo.InvariantCulture),
            OwnerId = geteuid(),
            Annotations = specification.Annotations,
            HasLaterHooks = specification.Hooks is { StartContainer.Length: > 0 } or { Poststart.Length: > 0 }
                or { Poststop.Length: > 0 },
        };
    }

    public ContainerState State => _state;

    /// <summary>Makes it; afterwards the state is saved as created, or running.</summary>
    public void Run()
    {
        CheckSupport();
        CgroupSet cgroups = CgroupSet.For(_directory.Id, _specification, _options);
        (_state.Cgroups, _state.AsideCgroups) = (cgroups.Directories, cgroups.AsideDirectories);
        _directory.Save(_state);
        try
        {
            cgroups.Create(_specification.Linux?.Resources);
            StartProcesses(cgroups);
            Hooks.Run(_specification.Hooks?.Prestart, "prestart", _state, ContainerPhase.Creating);
            Hooks.Run(_specification.Hooks?.CreateRuntime, "createRuntime", _state, ContainerPhase.Creating);
            Hooks.Run(_specification.Hooks?.CreateContainer, "createContainer", _state, ContainerPhase.Creating, true);
            _state.Phase = _request.StartsAtOnce ? ContainerPhase.Running : ContainerPhase.Created;
            _directory.Save(_state);
        }
        catch
        {
            KillChildren();
            CgroupSet.Remove(_state);
            throw;
        }
    }

    public void Dispose()
    {
        foreach (IDisposable owned in _owned)
            owned.Dispose();
        foreach (HostFd child in _children)
            child.Dispose();
    }

    private void StartProcesses(CgroupSet cgroups)
    {
        HostFd program = Own(OpenFile("/proc/self/exe", OpenFlags.Path));
        HostFd nullFile = Own(OpenFile("/dev/null", OpenFlags.ReadWrite));
        HostFd? log = OpenLog();
        (HostFd monitorEnd, HostFd sentryEnd) = Pair(SocketType.SequencedPacket);
        HostFd[] goferEnds = new HostFd[GoferConnections], clientEnds = new HostFd[GoferConnections];
        for (int index = 0; index < GoferConnections; index++)
            (goferEnds[index], clientEnds[index]) = Pair(SocketType.SequencedPacket);

        HostRoots roots = Own(new HostRoots());
        ContainerDescription container = DescriptionBuilder.Build(
            _membership, _request.Bundle, _specification, _options, OverlaysRoot, roots);
        container.Process.ExtraDescriptors = _request.PreserveFds;
        if (_membership.Sandbox is not null)
        {
            Join(cgroups, container, roots, new LaunchFds(
                program, nullFile, log, monitorEnd, sentryEnd, goferEnds, clientEnds));
            return;
        }

        HostFd[] cgroupFiles = OpenCgroupFiles(cgroups, container, isMember: false);
        (HostFd errorsRead, HostFd errorsWrite) = Pipe();
        (HostFd statusRead, HostFd statusWrite) = Pipe();
        ConfinedChild gofer = Own(PrepareGofer(program, nullFile, log ?? errorsWrite, roots, goferEnds));
        gofer.Start();
        _children.Add(gofer.PidFd);
        HostFd listener = Own(ControlClient.Listen(_directory.DirectoryPath));
        ContainerNetwork network = Own(ContainerNetwork.For(_options, _specification.Linux ?? new LinuxSpec()));
        SentryFds fds = new(
            program, nullFile, errorsWrite, statusWrite, sentryEnd, listener, log, clientEnds, cgroupFiles);
        ConfinedChild sentry = Own(PrepareSentry(container, fds, network.IsUsed));
        network.Within(sentry.Start);
        _children.Add(sentry.PidFd);
        using OomScore score = new(_specification.Process!.OomScoreAdj);
        score.Give(gofer.ProcessId);
        cgroups.JoinAside(gofer.ProcessId);
        gofer.Release();
        score.Give(sentry.ProcessId); // Its stubs get it from there.
        cgroups.JoinAside(sentry.ProcessId);
        sentry.Release();
        MonitorProcess monitor = StartMonitor(cgroups, network.Created, monitorEnd, nullFile);
        score.Give(monitor.ProcessId);
        _state.Gofer = ProcessIdentity.Of(gofer.ProcessId);
        _state.Sentry = ProcessIdentity.Of(sentry.ProcessId);
        _state.Monitor = ProcessIdentity.Of(monitor.ProcessId);
        // Before the monitor goes on: if we are killed earlier it ends, and with it the sandbox; later,
        // delete finds them all.
        _directory.Save(_state);
        monitor.Release();
        gofer.Finish();
        sentry.Finish();
        monitor.Finish();
        // Our copies go: each side must see the end of the others.
        foreach (HostFd mine in (ReadOnlySpan<HostFd>)[
            errorsWrite, statusWrite, monitorEnd, sentryEnd, .. goferEnds, .. clientEnds])
            mine.Dispose();
        BootStatus.Await(statusRead, errorsRead);
    }

    /// <summary>The files of its cgroups that the Sentry gets, described in <paramref name="container"/>.</summary>
    private HostFd[] OpenCgroupFiles(CgroupSet cgroups, ContainerDescription container, bool isMember)
    {
        List<(string Name, HostFd File)> files = cgroups.OpenFiles(isMember);
        container.CgroupFiles = [.. files.ConvertAll(static file => file.Name)];
        return [.. files.ConvertAll(file => Own(file.File))];
    }

    /// <summary>
    /// Makes the container in the Sentry of a sandbox that exists: what is new is a Gofer and a monitor.
    /// </summary>
    private void Join(CgroupSet cgroups, ContainerDescription container, HostRoots roots, LaunchFds fds)
    {
        ContainerState sandbox = _membership.Sandbox!;
        using ControlClient client = ContainerLife.Connect(new StateDirectory(_options.Root), sandbox);
        HostFd[] cgroupFiles = OpenCgroupFiles(cgroups, container, isMember: true);
        ConfinedChild gofer = Own(PrepareGofer(fds.Program, fds.Null, fds.Log ?? fds.Null, roots, fds.GoferEnds));
        gofer.Start();
        _children.Add(gofer.PidFd);
        using OomScore score = new(_specification.Process!.OomScoreAdj);
        score.Give(gofer.ProcessId);
        cgroups.JoinAside(gofer.ProcessId);
        gofer.Release();
        MonitorProcess monitor = StartMonitor(cgroups, null, fds.MonitorEnd, fds.Null);
        score.Give(monitor.ProcessId);
        _state.Gofer = ProcessIdentity.Of(gofer.ProcessId);
        _state.Sentry = sandbox.Sentry;
        _state.Monitor = ProcessIdentity.Of(monitor.ProcessId);
        // Until the monitor is released our end is its end, and so the container's.
        _directory.Save(_state);
        gofer.Finish();
        foreach (HostFd mine in fds.GoferEnds)
            mine.Dispose();
        List<int> passed = [fds.SentryEnd.Number];
        passed.AddRange(_request.Console >= 0 ? [_request.Console] : [0, 1, 2]);
        for (int index = 0; index < _request.PreserveFds; index++)
            passed.Add(FirstExtraFd + index);
        passed.AddRange(Array.ConvertAll(fds.ClientEnds, static end => end.Number));
        passed.AddRange(Array.ConvertAll(cgroupFiles, static file => file.Number));
        client.Ask(new ControlRequest { Method = ControlMethod.Create, Container = _directory.Id, Create = container },
            passed.ToArray());
        monitor.Release();
        monitor.Finish();
        fds.MonitorEnd.Dispose();
        fds.SentryEnd.Dispose();
        if (_request.StartsAtOnce)
            client.Ask(new ControlRequest { Method = ControlMethod.Start, Container = _directory.Id });
    }

    private MonitorProcess StartMonitor(CgroupSet cgroups, HostFd? network, HostFd socket, HostFd nullFile)
    {
        MonitorProcess monitor = Own(MonitorProcess.ForContainer(
            _specification.Linux?.Namespaces
                ?? [], network, _state.Rootfs, _specification.Process!.Args!, socket, nullFile,
            _request.Console));
        monitor.Start();
        _children.Add(monitor.PidFd);
        cgroups.Join(monitor.ProcessId);
        return monitor;
    }

    private ConfinedChild PrepareGofer(
        HostFd program, HostFd nullFile, HostFd errors, HostRoots roots, HostFd[] sockets)
    {
        Descriptors descriptors = new();
        descriptors.Add([nullFile.Number, nullFile.Number, errors.Number]);
        List<string> arguments = ["runsc-gofer", "gofer"];
        foreach (HostFd socket in sockets)
            arguments.Add($"--socket={descriptors.Add(socket.Number)}");
        roots.Pass(descriptors, arguments);
        return ConfinedChild.Gofer(program, arguments.ToArray(), descriptors, IdMaps.Of(_specification.Linux));
    }

    private ConfinedChild PrepareSentry(ContainerDescription container, SentryFds fds, bool usesNetwork)
    {
        const int standardFds = 3;
        Descriptors descriptors = new();
        descriptors.Add([fds.Null.Number, fds.Null.Number, fds.Errors.Number]);
        HostFd description = CreateMemory();
        descriptors.Add(description.Number);
        BootDescription boot = new()
        {
            Container = container,
            Platform = _options.Platform,
            Network = usesNetwork ? _options.Network : "none",
            IsDebug = _options.Debug,
            LogLevel = _options.DebugLogLevel,
            Strace = _options.Strace,
            StraceSyscalls = _options.StraceSyscalls,
            StraceSummary = _options.StraceSummary,
            // What the host does by itself cannot be shown: with a trace, memory calls come to the Sentry first. And
            // each call comes once, when the guest makes it.
            DirectMemory = _options.DirectMemory && !_options.Strace && !_options.StraceSummary,
            Diagnostics = _options.Diagnostics,
            FastPath = _options.FastPath && !_options.Strace && !_options.StraceSummary,
            FsGsBase = _options.FsGsBase,
            StartsAtOnce = _request.StartsAtOnce,
            ControlFd = descriptors.Add(fds.Listener.Number),
            StatusFd = descriptors.Add(fds.Status.Number),
            MonitorFd = descriptors.Add(fds.Monitor.Number),
            CpuInfoFd = descriptors.Add(Own(OpenFile("/proc/cpuinfo", OpenFlags.ReadOnly)).Number),
            LogFd = fds.Log is null ? -1 : descriptors.Add(fds.Log.Number),
            GoferFds = descriptors.Add(Array.ConvertAll(fds.Gofer, static socket => socket.Number)),
            CgroupFds = descriptors.Add(Array.ConvertAll(fds.Cgroup, static file => file.Number)),
        };
        if (_request.Console >= 0)
            boot.ConsoleFd = descriptors.Add(_request.Console);
        else
            boot.StandardFds = descriptors.Add([0, 1, standardFds - 1]);
        boot.ExtraFds = new int[_request.PreserveFds];
        for (int index = 0; index < _request.PreserveFds; index++)
            boot.ExtraFds[index] = descriptors.Add(FirstExtraFd + index);
        if (HostFile.WriteAt(
            description.Number, JsonSerializer.SerializeToUtf8Bytes(boot, BootJson.Default.BootDescription), 0)
            .Failed(out _, out Errno error))
        {
            throw new Failure($"describe the container to the sentry: {error}");
        }

        SentryTraits traits = new(usesNetwork, _options.Diagnostics, ClockOffsets());
        return ConfinedChild.Sentry(fds.Program, ["runsc-sentry", "boot"], descriptors, traits);
    }

    /// <summary>Of the configuration's time namespace; null if it has none to say.</summary>
    private string? ClockOffsets()
    {
        if (_specification.Linux?.TimeOffsets is not { Count: > 0 } offsets)
            return null;
        System.Text.StringBuilder text = new();
        foreach ((string clock, TimeOffsetSpec offset) in offsets)
            text.Append(
                System.Globalization.CultureInfo.InvariantCulture, $"{clock} {offset.Secs} {offset.Nanosecs}\n");
        return text.ToString();
    }

    /// <summary>Tells what the container will not have as asked; fails where it must not run so.</summary>
    private void CheckSupport()
    {
        foreach (string warning in SpecSupport.Check(_specification, "config.json"))
            ErrorReport.Warn(warning);
        foreach (NamespaceSpec item in _specification.Linux?.Namespaces ?? [])
        {
            bool isForeign = item is { Type: "pid" or "ipc" or "uts", Path.Length: > 0 }
                && _membership.Shared(item.Type) is null;
            if (isForeign)
                throw new Failure($"config.json: linux.namespaces: {item.Type}: {item.Path} is not of a sandbox: joining it is not supported");
        }
    }

    // What makes mount points in a read-only root must not write to it either.
    private bool OverlaysRoot => _specification.Root!.Readonly || (_options.OverlaysRoot ?? _request.OverlaysRoot);

    /// <summary>A directory when it ends in a slash, with a file per container in it.</summary>
    private HostFd? OpenLog()
    {
        if (_options.DebugLog is not { } path)
            return null;
        if (path.EndsWith('/'))
        {
            Directory.CreateDirectory(path);
            path += $"runsc.{_directory.Id}.log";
        }

        return Own(OpenFile(path, OpenFlags.WriteOnly | OpenFlags.Append | OpenFlags.Create));
    }

    private static HostFd OpenFile(string path, OpenFlags flags)
    {
        const uint mode = Modes.O644;
        return HostFile.OpenAt(
            HostFile.CurrentDirectory, System.Text.Encoding.UTF8.GetBytes(path), flags | OpenFlags.CloseOnExec, mode)
            .Failed(out int fd, out Errno error)
            ? throw new Failure($"open {path}: {HostRoots.Describe(error)}")
            : new HostFd(fd);
    }

    private HostFd CreateMemory() => HostFile.CreateMemory("runsc-boot\0"u8, 1).Failed(out int fd, out Errno error)
        ? throw new Failure($"memfd_create: {error}")
        : Own(new HostFd(fd));

    private (HostFd Read, HostFd Write) Pipe() =>
        HostChild.CreatePipe().Failed(out (HostFd Read, HostFd Write) pipe, out Errno error)
        ? throw new Failure($"pipe: {error}")
        : (Own(pipe.Read), Own(pipe.Write));

    private (HostFd First, HostFd Second) Pair(SocketType type) =>
        HostSocket.CreatePair(type).Failed(out (HostFd First, HostFd Second) pair, out Errno error)
            ? throw new Failure($"socketpair: {error}")
            : (Own(pair.First), Own(pair.Second));

    private T Own<T>(T item)
        where T : IDisposable
    {
        _owned.Add(item);
        return item;
    }

    private void KillChildren()
    {
        const int kill = 9, limitMilliseconds = 10_000;
        foreach (HostFd child in _children)
            HostChild.Signal(child, kill);
        foreach (HostFd child in _children)
            HostChild.WaitForEnd(child, limitMilliseconds);
    }

    private sealed record SentryFds(
        HostFd Program, HostFd Null, HostFd Errors, HostFd Status, HostFd Monitor, HostFd Listener, HostFd? Log,
        HostFd[] Gofer,
        HostFd[] Cgroup);

    private sealed record LaunchFds(
        HostFd Program, HostFd Null, HostFd? Log, HostFd MonitorEnd, HostFd SentryEnd, HostFd[] GoferEnds,
        HostFd[] ClientEnds);
}
