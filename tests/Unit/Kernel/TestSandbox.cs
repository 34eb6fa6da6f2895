using System.Text;
using Sandbox.Linux;
using Sandbox.Platform.Notify;
using Sandbox.Sentry.Filesystems.Tmp;
using Sandbox.Sentry.Kernel;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Loader;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;
using Sandbox.SyscallTables;
using Xunit;

namespace Sandbox.UnitTests.Kernel;

/// <summary>A whole kernel in this process, with the host's busybox as its only program, on a tmpfs root.</summary>
internal sealed class TestSandbox : IDisposable, IKernelLog
{
    private readonly NotifyPlatform _platform;
    private readonly ManualResetEventSlim _exited = new();
    private readonly FsContext _fs;
    private readonly Container _container = new("test");
    private int _status;

    public TestSandbox()
    {
        _platform = new NotifyPlatform(new NotifyPlatformOptions { Log = Warning });
        Kernel = new Sentry.Kernel.Kernel(_platform, new LinuxX64(), new HostFacts { MemoryBytes = 1L << 30 }, this)
        {
            ContainerExited = OnExited,
        };
        if (TmpFileSystem.Create("root", "mode=755", 1L << 30).Failed(out TmpFileSystem? files, out Errno error))
            throw new InvalidOperationException(error.ToString());
        MountNamespace mounts = new(UserNamespace.Root);
        Mount root = new(files, MountFlags.None);
        mounts.SetRoot(root);
        _fs = new FsContext(mounts, new VfsPath(root, root.Root), new VfsPath(root, root.Root), 0x12);
        AddFile("busybox", File.ReadAllBytes("/bin/busybox"));
    }

    public Sentry.Kernel.Kernel Kernel { get; }
    public StringBuilder Messages { get; } = new();
    public bool IsDebug => false;

    private static Credentials Superuser { get; } = new()
    {
        UserNamespace = UserNamespace.Root, Permitted = CapabilitySet.Full, Effective = CapabilitySet.Full,
    };

    /// <summary>Runs a program to its end; gives its wait status.</summary>
    public int Run(params string[] arguments)
    {
        NamespaceSet namespaces = new()
        {
            Uts = new UtsNamespace("test"u8.ToArray(), [], UserNamespace.Root),
            Ipc = new IpcNamespace(UserNamespace.Root),
            Network = new NetworkNamespace(UserNamespace.Root),
            PidForChildren = new PidNamespace(Kernel.RootPids, UserNamespace.Root),
            Container = _container,
        };
        ProcessRequest request = new()
        {
            Container = _container,
            Arguments = [.. arguments.Select(Encoding.UTF8.GetBytes)],
            Environment = [],
            Credentials = Superuser,
            Limits = ResourceLimits.Default,
            Namespaces = namespaces,
            Fs = _fs.Clone(),
            Files = new FdTable(MemoryAccount.Sandbox),
        };
        if (ProcessStarter.Create(Kernel, request, ExecutableOpener.Instance).Failed(
            out ThreadGroup? group, out Errno error))
            throw new InvalidOperationException(error.ToString());
        group.Leader.Thread.Start();
        Assert.True(_exited.Wait(TimeSpan.FromSeconds(20)), "the guest did not end: " + Messages);
        return _status;
    }

    public void Dispose() => _platform.Dispose();

    public void Debug(string message) => Warning(message);

    public void Warning(string message)
    {
        lock (Messages)
            Messages.AppendLine(message);
    }

    public void InternalError(string message, Exception? exception) => Warning(message + exception);

    private void AddFile(string name, byte[] content)
    {
        BootCaller caller = new(Superuser, _fs);
        Inode inode = _fs.Root.Inode.CreateFile(Encoding.UTF8.GetBytes(name), new NewInode(0x81ED, 0, 0))
            .Failed(out Inode? made, out Errno error) ? throw new InvalidOperationException(error.ToString()) : made;
        Dentry dentry = new(_fs.Root.Dentry, name, inode);
        OpenFile file = inode.Open(new VfsPath(_fs.Root.Mount, dentry), OpenFlags.ReadWrite, caller)
            .Failed(out OpenFile? opened, out error) ? throw new InvalidOperationException(error.ToString()) : opened;
        Assert.Equal(content.Length, file.Write(content).Failed(out int count, out error) ? -(int)error : count);
        file.Release();
    }

    private void OnExited(Container container, int status)
    {
        _status = status;
        _exited.Set();
    }
}
