using System.Runtime.CompilerServices;
using System.Text;
using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Gofer;

/// <summary>The Gofer process: gives up its privileges, then serves until every client socket is closed.</summary>
public static class GoferMain
{
    private const int WorkerStackBytes = 256 * 1024;

    /// <summary>
    /// Descriptors that are not handles: directory streams, donated files on their way, sockets, the runtime's.
    /// </summary>
    private const int SpareDescriptors = 512;

    /// <summary>
    /// CHOWN, DAC_OVERRIDE, FOWNER, FSETID (capabilities(7)); SETFCAP only where a root is written, MKNOD only where a
    /// root permits devices.
    /// </summary>
    private const ulong KeptCapabilities = 1ul << 0 | 1ul << 1 | 1ul << 3 | 1ul << 4;

    private const ulong FileCapability = 1ul << 31;

    private const ulong MakeNodeCapability = 1ul << 27;

    /// <summary>
    /// Runs the server with a command line; see <see cref="GoferOptions.Parse"/>. The process's exit status.
    /// </summary>
    public static int Run(ReadOnlySpan<string> arguments)
    {
        if (GoferOptions.Parse(arguments, out string problem) is { } options)
            return Run(options);
        Complain(problem);
        return 2;
    }

    /// <summary>Runs the server. The process's exit status.</summary>
    public static int Run(GoferOptions options)
    {
        if (HostPrivileges.RaiseOpenFilesLimit().Failed(out long descriptors, out Errno error))
            return Fail("prlimit", error);
        if (ProcSelfFd.Open(options.ProcFd, becomesWorkingDirectory: true).Failed(
            out ProcSelfFd? procSelfFd, out error))
            return Fail("/proc/self/fd", error);
        if (options.ProcFd >= 0)
            HostFile.Close(options.ProcFd);

        RootFlags permitted = RootFlags.None;
        ServedRoot[] roots = new ServedRoot[options.Roots.Count];
        for (int i = 0; i < roots.Length; i++)
        {
            roots[i] = new ServedRoot(new HostFd(options.Roots[i].Fd), options.Roots[i].Flags);
            permitted |= options.Roots[i].Flags;
        }

        long handlesMax = Math.Clamp(descriptors - SpareDescriptors - roots.Length, 64, HandleTable.Ceiling - 1);
        HostProgramPages program = HostProgramPages.Find();
        GoferServer server = new(roots, procSelfFd, (int)handlesMax);

        HostPrivileges.SetCreationMask(0);
        HostPrivileges.ForbidTracing();
        ulong capabilities = KeptCapabilities | ((permitted & RootFlags.DeviceNodes) != 0 ? MakeNodeCapability : 0)
            | ((permitted & RootFlags.Writable) != 0 ? FileCapability : 0);
        if (HostPrivileges.KeepCapabilities(capabilities) is not Errno.Ok and Errno capabilityError)
            return Fail("capset", capabilityError);

        // The workers are made before the filter, which then needs to allow no more than what serving takes.
        using ManualResetEventSlim confined = new();
        Thread[] workers = StartWorkers(server, options.Sockets, confined);
        if (Confine(permitted, procSelfFd.Fd) is not Errno.Ok and Errno filterError)
            return Fail("seccomp", filterError);
        program.Forget(); // Serving needs little of what starting did.
        confined.Set();
        server.Serve(options.Sockets[0]);
        foreach (Thread worker in workers)
            worker.Join();
        return 0;
    }

    private static Thread[] StartWorkers(GoferServer server, List<int> sockets, ManualResetEventSlim confined)
    {
        Thread[] workers = new Thread[sockets.Count - 1];
        for (int i = 0; i < workers.Length; i++)
        {
            int socket = sockets[i + 1];
            workers[i] = new Thread(
                () =>
                {
                    confined.Wait();
                    server.Serve(socket);
                },
                WorkerStackBytes);
            workers[i].Start();
        }

        return workers;
    }

    private static Errno Confine(RootFlags permitted, int procSelfFd)
    {
        if (RuntimeFeature.IsDynamicCodeCompiled)
        {
            Complain("running under a JIT, which needs executable mappings: no seccomp filter");
            return Errno.Ok;
        }

        BpfInstruction[] filter = GoferFilter.Create(permitted, procSelfFd).Build();
        return HostSeccomp.Install(filter, SeccompFlags.ThreadSync).Error;
    }

    private static int Fail(string what, Errno error)
    {
        Complain($"{what}: {error}");
        return 1;
    }

    private static void Complain(string message) => HostFile.Write(2, Encoding.UTF8.GetBytes($"gofer: {message}\n"));
}
