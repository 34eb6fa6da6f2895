using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Sys;

/// <summary>A filesystem whose tree the Sentry sets up when it is mounted: sysfs, the view of cgroups.</summary>
internal sealed class StaticFileSystem : FileSystem
{
    private readonly string _typeName;
    private readonly long _magic;

    private StaticFileSystem(string typeName, long magic, string source, uint permissions)
    {
        (_typeName, _magic, Source) = (typeName, magic, source);
        Root = new StaticDirectory(this, permissions);
    }

    private StaticFileSystem(long magic, string source, Kernel.Kernel kernel, Container? container)
        : base(container is null ? null : new CollectedCharge(container.Memory))
    {
        (_typeName, _magic, Source) = ("cgroup2", magic, source);
        CgroupDirectory root = new(this, kernel, container);
        Root = root;
        root.Add("cgroup.procs", root.ProcessesFile());
    }

    public override string TypeName => _typeName;

    public override string MountOptions => MountOptionsText;

    public StaticDirectory Root { get; }

    public override Inode RootInode => Root;

    private string MountOptionsText { get; init; } = string.Empty;

    /// <summary>sysfs(5), as far as programs ask how many processors there are and how they lie.</summary>
    public static StaticFileSystem CreateSys(string source, Kernel.HostFacts host)
    {
        const long magic = 0x62656572;
        StaticFileSystem sys = new("sysfs", magic, source, Modes.O555);
        SysTree.Fill(sys, host);
        return sys;
    }

    /// <summary>
    /// The cgroup v2 tree of a container, the same one however often it is mounted: what is made, and whose it is, is
    /// seen in every mount.
    /// </summary>
    public static StaticFileSystem CgroupOf(string source, Kernel.Kernel kernel, Container? container)
    {
        if (container is null)
            return CreateCgroup(source, kernel, null);
        if (container.CgroupFiles is { } made)
            return (StaticFileSystem)made;
        StaticFileSystem fresh = CreateCgroup(source, kernel, container);
        return (StaticFileSystem)(Interlocked.CompareExchange(ref container.CgroupFiles, fresh, null) ?? fresh);
    }

    private static StaticFileSystem CreateCgroup(string source, Kernel.Kernel kernel, Container? container)
    {
        const long magic = 0x63677270;
        StaticFileSystem cgroup = new(magic, source, kernel, container);
        CgroupTree.FillUnified(cgroup, kernel);
        return cgroup;
    }

    /// <summary>
    /// The root of a v1 hierarchy, with the controllers that the mount's options name; all of them if none.
    /// </summary>
    public static StaticFileSystem CreateLegacyCgroup(string source, string options, Kernel.Kernel kernel)
    {
        const long magic = 0x27E0EB;
        string[] controllers = Array.FindAll(
            options.Split(','), static option =>
                Array.IndexOf(Kernel.Containers.Container.LegacyControllers, option) >= 0);
        bool isNamed = options.Contains("name=", StringComparison.Ordinal);
        if (controllers.Length == 0 && !isNamed)
            controllers = Kernel.Containers.Container.LegacyControllers;
        StaticFileSystem cgroup = new("cgroup", magic, source, Modes.O555)
        {
            MountOptionsText = isNamed ? options : string.Join(',', controllers),
        };
        CgroupTree.FillLegacy(cgroup, kernel, controllers);
        return cgroup;
    }

    /// <summary>
    /// The directory that v1's hierarchies are mounted below, with a place for each:
    /// other runtimes have a read-only tmpfs there.
    /// </summary>
    public static StaticFileSystem CreateCgroupParent(string source)
    {
        const long magic = 0x01021994;
        StaticFileSystem parent = new("tmpfs", magic, source, Modes.O755);
        foreach (string controller in Kernel.Containers.Container.LegacyControllers)
            parent.Root.AddDirectory(controller);
        return parent;
    }

    public override Errno GetStatistics(out StatFs statistics)
    {
        statistics = new StatFs
        {
            Type = _magic, BlockBytes = 4096, FragmentBytes = 4096, NameMaxBytes = FileName.MaxBytes,
                FileSystemId = Device,
        };
        return Errno.Ok;
    }

    /// <summary>Adds a file with constant text at a path below the root.</summary>
    public void AddText(string path, string text) =>
        AddFile(path, new TextFile(this, System.Text.Encoding.UTF8.GetBytes(text)));

    /// <summary>Adds an inode at a path below the root; its directories are made.</summary>
    public void AddFile(string path, Inode inode)
    {
        string[] names = path.Split('/');
        StaticDirectory directory = Root;
        foreach (string name in names.AsSpan(0, names.Length - 1))
            directory = directory.AddDirectory(name);
        directory.Add(names[^1], inode);
    }
}
