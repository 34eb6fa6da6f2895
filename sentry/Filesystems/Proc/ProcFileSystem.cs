using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Proc.Global;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc;

/// <summary>proc(5), as the members of one pid namespace see it.</summary>
internal sealed class ProcFileSystem : FileSystem
{
    private const long Magic = 0x9FA0;

    /// <summary>A view of the kernel's processes for <paramref name="pids"/>, the namespace of who mounts it.</summary>
    /// <param name="kernel">What it shows.</param>
    /// <param name="pids">Whose numbers.</param>
    /// <param name="sysctls">Values of /proc/sys that somebody set, by path below it.</param>
    public ProcFileSystem(Kernel.Kernel kernel, PidNamespace pids, IReadOnlyDictionary<string, string>? sysctls = null)
    {
        (Kernel, Pids) = (kernel, pids);
        Source = "proc";
        ProcRoot root = new(this);
        RootInode = root;
        GlobalFiles.AddTo(root.Entries, this);
        SysctlTree.AddTo(root.Entries, this, sysctls);
    }

    public override string TypeName => "proc";

    public Kernel.Kernel Kernel { get; }

    /// <summary>Whose numbers are shown.</summary>
    public PidNamespace Pids { get; }

    public override Inode RootInode { get; }

    public override Errno GetStatistics(out StatFs statistics)
    {
        statistics = new StatFs
        {
            Type = Magic, BlockBytes = 4096, FragmentBytes = 4096, NameMaxBytes = FileName.MaxBytes,
                FileSystemId = Device,
        };
        return Errno.Ok;
    }
}
