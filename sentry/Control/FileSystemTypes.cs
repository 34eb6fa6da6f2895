using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Mqueue;
using Sandbox.Sentry.Filesystems.Proc;
using Sandbox.Sentry.Filesystems.Pts;
using Sandbox.Sentry.Filesystems.Sys;
using Sandbox.Sentry.Filesystems.Tmp;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Control;

/// <summary>The filesystems that can be mounted by name: by config.json, and by mount(2) from inside.</summary>
internal static class FileSystemTypes
{
    /// <summary>A new instance for a mount. ENODEV for an unknown type, EINVAL for bad options.</summary>
    /// <param name="kernel">The kernel it shows.</param>
    /// <param name="pids">The pid namespace a proc shows.</param>
    /// <param name="ipc">The IPC namespace whose message queues an mqueue shows.</param>
    /// <param name="type">The name of the type.</param>
    /// <param name="source">What mount(2) calls the device; only shown.</param>
    /// <param name="data">Options of the type, with commas.</param>
    /// <param name="container">Who is charged for files in memory, and whose sysctls a proc shows.</param>
    public static Result<FileSystem> Create(
        Kernel.Kernel kernel, PidNamespace pids, IpcNamespace ipc, string type, string source, string data,
        Container? container = null)
    {
        Errno error;
        switch (type)
        {
            case "tmpfs":
            case "ramfs":
            case "devtmpfs":
                if (TmpFileSystem.Create(source, data, kernel.Host.MemoryBytes, container?.Memory)
                    .Failed(out TmpFileSystem? files, out error))
                    return error;
                return files;
            case "proc":
                return new ProcFileSystem(kernel, pids, container?.Sysctls);
            case "devpts":
                return PtsFileSystem.Create(kernel, source, data).Failed(out PtsFileSystem? terminals, out error)
                    ? error
                    : terminals;
            case "sysfs":
                return StaticFileSystem.CreateSys(source, kernel.Host);
            case "cgroup":
                return StaticFileSystem.CreateLegacyCgroup(source, data, kernel);
            case "cgroup2":
                return StaticFileSystem.CgroupOf(source, kernel, container);
            case "mqueue":
                return MqueueFileSystem.Of(ipc);
            default:
                return Errno.ENODEV;
        }
    }
}
