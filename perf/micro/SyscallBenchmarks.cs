using BenchmarkDotNet.Attributes;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Filesystems.Tmp;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;
using Sandbox.SyscallTables;
using Sandbox.UnitTests.Kernel;
using Task = Sandbox.Sentry.Kernel.Tasks.Task;

namespace Sandbox.Perf;

/// <summary>
/// Whole system calls, from the table's dispatch to the result, of a task whose memory is an array: what the Sentry
/// itself costs, without the platform.
/// </summary>
[MemoryDiagnoser]
public class SyscallBenchmarks : IDisposable
{
    private const ulong Path = FakeAddressSpace.Base, Buffer = Path + 0x1000, Result = Path + 0x10000,
        Word = Path + 0x20000;
    private const int CurrentDirectory = HostFile.CurrentDirectory, PageBytes = PageSize.Bytes;
    private readonly LinuxX64 _table = new();
    private readonly FakeKernel _kernel = new();
    private Task _task = null!;
    private ulong _file;
    private ulong _pipeRead;
    private ulong _pipeWrite;
    private ulong _epoll;

    /// <summary>A process with a tmpfs root, an open file, a pipe, and an epoll that is ready.</summary>
    [GlobalSetup]
    public void Create()
    {
        _task = _kernel.NewProcess(_kernel.Init);
        if (TmpFileSystem.Create("root", "mode=755", 1L << 30).Failed(out TmpFileSystem? files, out Errno error))
            throw new InvalidOperationException(error.ToString());
        MountNamespace mounts = new(UserNamespace.Root);
        Mount root = new(files, MountFlags.None);
        mounts.SetRoot(root);
        VfsPath top = new(root, root.Root);
        _task.ReplaceFs(new FsContext(mounts, top, top, 0x12));
        WritePath("/a");
        Call(Sys.mkdir, Path, Modes.O755);
        WritePath("/a/b");
        Call(Sys.mkdir, Path, Modes.O755);
        WritePath("/a/b/f");
        _file = Call(Sys.openat, unchecked((ulong)CurrentDirectory), Path,
            (ulong)(OpenFlags.ReadWrite | OpenFlags.Create), Modes.O644);
        Call(Sys.pwrite64, _file, Buffer, PageBytes, 0);
        Call(Sys.pipe2, Result, 0);
        FakeAddressSpace space = FakeKernel.SpaceOf(_task);
        (_pipeRead, _pipeWrite) = (space.Word(Result), space.Word(Result + 4));
        _epoll = Call(Sys.epoll_create1, 0);
        space.SetWord(Result, 4); // EPOLLOUT
        Call(Sys.epoll_ctl, _epoll, 1, _pipeWrite, Result);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _kernel.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public ulong Dispatch() => Call(Sys.getpid);

    [Benchmark]
    public ulong Descriptor_lookup() => Call(Sys.lseek, _file, 0, 0);

    [Benchmark]
    public ulong Path_walk_and_stat() => Call(Sys.newfstatat, unchecked((ulong)CurrentDirectory), Path, Result, 0);

    [Benchmark]
    public ulong Stat_of_a_descriptor() => Call(Sys.fstat, _file, Result);

    [Benchmark]
    public ulong Copy_out_a_page() => Call(Sys.pread64, _file, Buffer, PageBytes, 0);

    [Benchmark]
    public ulong Copy_in_a_page() => Call(Sys.pwrite64, _file, Buffer, PageBytes, 0);

    [Benchmark]
    public ulong Pipe_write_and_read() =>
        Call(Sys.write, _pipeWrite, Buffer, PageBytes) + Call(Sys.read, _pipeRead, Buffer, PageBytes);

    [Benchmark]
    public ulong Futex_wake_of_nobody() => Call(Sys.futex, Word, 1, 1);

    [Benchmark]
    public ulong Futex_wait_on_another_value() => CallFailing(Errno.EAGAIN, Sys.futex, Word, 0, 1);

    [Benchmark]
    public ulong Epoll_wait_that_is_ready() => Call(Sys.epoll_wait, _epoll, Result, 8, unchecked((ulong)-1));

    private ulong Call(int number, ulong a0 = 0, ulong a1 = 0, ulong a2 = 0, ulong a3 = 0) =>
        CallFailing(Errno.Ok, number, a0, a1, a2, a3);

    private ulong CallFailing(Errno expected, int number, ulong a0 = 0, ulong a1 = 0, ulong a2 = 0, ulong a3 = 0)
    {
        SyscallArguments arguments = new() { Number = number, A0 = a0, A1 = a1, A2 = a2, A3 = a3 };
        SyscallResult result = _table.Invoke(_task, arguments);
        return result.Error == expected
            ? (ulong)result.Register
            : throw new InvalidOperationException($"{_table.NameOf(number)}: {result.Error}");
    }

    private void WritePath(string path) =>
        FakeKernel.SpaceOf(_task).Write(new UserAddress(Path), System.Text.Encoding.ASCII.GetBytes(path + '\0'));
}
