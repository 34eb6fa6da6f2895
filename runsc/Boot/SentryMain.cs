using System.Text.Json;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Platform.Filters;
using Sandbox.Platform.Notify;
using Sandbox.Platform.Shortcuts.Setup;
using Sandbox.Runsc.Launch;
using Sandbox.Sentry.Control;
using Sandbox.Sentry.Filesystems.Dev;
using Sandbox.Sentry.Filesystems.Pts;
using Sandbox.Sentry.Kernel;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Syscalls;
using Sandbox.SyscallTables;
using Sandbox.SyscallTables.Tracing;

namespace Sandbox.Runsc.Boot;

/// <summary>
/// The Sentry process: opens and loads all it will ever need, makes the first container, locks itself in, and lives
/// until that container's process is over.
/// </summary>
internal static class SentryMain
{
    private static (SyscallSummary Counts, LinuxX64 Table)? _summary; // With --strace-summary.

    public static int Run()
    {
        BootDescription boot = ReadDescription();
        string? error;
        try
        {
            error = Run(boot);
        }
        catch (PlatformNotSupportedException unsupported) when (!boot.IsDebug)
        {
            error = unsupported.Message;
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            error = boot.IsDebug ? failure.ToString() : $"{failure.GetType().Name}: {failure.Message}";
        }

        if (error is null)
            return 0;
        BootStatus.SendFailure(boot.StatusFd, error);
        return 1;
    }

    private static string? Run(BootDescription boot)
    {
        const int setDumpable = 4, standardError = 2;
        HostSyscall.Call(Sys.prctl, setDumpable, 1); // The stubs' memory is read and written by us, their parent.
        KernelLog log = new(boot.LogFd, KernelLog.LevelOf(boot.LogLevel));
        if (HostFile.OpenAt(-1, "/proc"u8, OpenFlags.Path | OpenFlags.Directory | OpenFlags.CloseOnExec)
            .Failed(out int proc, out Errno unseen))
            return $"/proc of the sandbox: {ErrnoText.Of(unseen)}";
        HostThread.Failed = (name, failure) => log.Warning($"internal error in the thread \"{name}\": {failure}");
        HostSelfFds.Use(proc);
        HostProgramPages program = HostProgramPages.Find();
        HostCgroup? cgroup = boot.CgroupFds.Length > 0
            ? new HostCgroup(boot.Container.CgroupFiles, boot.CgroupFds)
            : null;
        Kernel kernel = MakeKernel(boot, log, proc, cgroup);
        SandboxControl control = new(kernel)
        {
            HostNetwork = boot.Network switch
            {
                "host" => HostNetwork.Always,
                "auto" => HostNetwork.WhenConfigured,
                _ => HostNetwork.Never,
            },
        };
        ProcessDescriptors descriptors = new(boot.StandardFds, boot.ConsoleFd, boot.ExtraFds);
        if (control.Create(boot.Container, new ContainerDescriptors(descriptors, boot.GoferFds, cgroup)) is { } error)
            return error;
        ControlServer server = new(new HostFd(boot.ControlFd), control);
        using ManualResetEventSlim ended = new();
        error = MonitorLink.Attach(
            control, boot.Container.Id, 0, boot.Container.Process.HasTerminal, new HostFd(boot.MonitorFd), ended);
        if (error is not null)
            return error;
        server.Start();
        if (boot.Diagnostics && DiagnosticPort.Open(kernel) is { } closed)
            return closed;
        // From here on nobody reads the pipe that errors go to.
        HostSyscall.Call(Sys.dup3, boot.LogFd >= 0 ? boot.LogFd : 0, standardError, 0);
        SentryFilterOptions filter = new(proc, boot.Network != "none", kernel.Platform.TracesGuests);
        if (SentryFilter.Install(filter) is not Errno.Ok and Errno unconfined)
            return $"the sandbox's seccomp filter: {ErrnoText.Of(unconfined)}";
        if (boot.StartsAtOnce && control.Start(boot.Container.Id) is { } notStarted)
            return notStarted;
        BootStatus.SendReady(boot.StatusFd);
        HostFile.Close(boot.StatusFd);
        // What only starting needed is a third of the resident memory of an idle sandbox.
        if (!ended.Wait(TimeSpan.FromSeconds(1)))
            program.Forget();
        ended.Wait();
        server.Drain();
        if (_summary is { } summary)
            log.Trace("system calls of the sandbox\n" + summary.Counts.Format(summary.Table));
        HostSyscall.Call(Sys.exit_group, 0);
        return null;
    }

    private static Kernel MakeKernel(BootDescription boot, KernelLog log, int proc, HostCgroup? cgroup)
    {
        NotifyPlatformOptions options = new()
        {
            ProcDirectory = proc, DirectMemory = boot.DirectMemory, Log = log.Warning, Cgroup = cgroup,
            FsGsBase = boot.FsGsBase, Shortcuts = boot.FastPath ? new PageShortcuts() : null,
        };
        IPlatform platform = PlatformChoice.Make(boot.Platform, options, log);
        log.Info(platform.Description);
        MemoryAccount.Sandbox.SetDescriptorLimit(HostDescriptors.RaiseLimit() / 2);
        HostFacts facts = HostFactsReader.Read(boot.CpuInfoFd, boot.FsGsBase);
        if (facts.MemoryBytes > 0)
        {
            MemoryAccount.Sandbox.SetLimit(MemoryKind.Files, facts.MemoryBytes);
            MemoryAccount.Sandbox.SetLimit(MemoryKind.Buffers, facts.MemoryBytes / 4);
        }

        HostFile.Close(boot.CpuInfoFd);
        ISyscallTable table = MakeTable(boot, log);
        DevTree.RegisterDevices();
        PtsFileSystem.RegisterDevices();
        Kernel kernel = new(platform, table, facts, log);
        kernel.Timers.Start(); // No guest is to learn that there is no room for its thread.
        DescriptorParts.Install(kernel);
        kernel.MakeFileSystem = (task, type, source, data) =>
            FileSystemTypes.Create(
                kernel, task.PidNamespace, task.Namespaces.Ipc, type, source, data, task.Namespaces.Container);
        return kernel;
    }

    private static ISyscallTable MakeTable(BootDescription boot, KernelLog log)
    {
        LinuxX64 table = new();
        if (!boot.Strace && !boot.StraceSummary)
            return table;
        if (boot.StraceSummary)
            _summary = (new SyscallSummary(), table);
        return new TracingTable(table, new TraceOptions
        {
            Write = boot.Strace ? log.Trace : null, Names = boot.StraceSyscalls, Summary = _summary?.Counts,
        });
    }

    private static BootDescription ReadDescription()
    {
        if (HostFile.Stat(BootDescription.DescriptionFd).Failed(out Stat stat, out Errno error))
            throw new InvalidOperationException($"the boot description: {error}");
        byte[] json = new byte[stat.SizeBytes];
        HostFile.ReadAt(BootDescription.DescriptionFd, json, 0);
        HostFile.Close(BootDescription.DescriptionFd);
        return JsonSerializer.Deserialize(json, BootJson.Default.BootDescription)!;
    }
}
