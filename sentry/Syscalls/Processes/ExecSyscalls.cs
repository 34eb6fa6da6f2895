using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Loader;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>execve(2), execveat(2).</summary>
internal static class ExecSyscalls
{
    private const int MaxStrings = 0x7FFFFF;

    public static SyscallResult Execve(Task task, UserString path, UserAddress arguments, UserAddress environment) =>
        ExecveAt(task, Fd.CurrentDirectory, path, arguments, environment, AtFlags.None);

    public static SyscallResult ExecveAt(
        Task task, Fd directory, UserString path, UserAddress arguments, UserAddress environment, AtFlags flags)
    {
        if ((flags & ~(AtFlags.EmptyPath | AtFlags.SymlinkNoFollow)) != 0)
            return Errno.EINVAL;
        Span<byte> buffer = stackalloc byte[UserMemory.MaxPathBytes];
        if (task.Memory.ReadPath(path, buffer, out ReadOnlySpan<byte> name) is not Errno.Ok and Errno fault)
            return fault;
        if (Open(task, directory, name, flags).Failed(out OpenFile? file, out Errno error))
            return error;

        // A quarter of the largest stack: strings beyond it are refused before they are copied.
        long budget = 6 << 20;
        List<byte[]> argumentList = [], environmentList = [];
        error = ReadStrings(task, arguments, argumentList, ref budget);
        if (error == Errno.Ok)
            error = ReadStrings(task, environment, environmentList, ref budget);
        if (error != Errno.Ok)
        {
            file.Release();
            return error;
        }

        if (argumentList.Count == 0)
            argumentList.Add([]); // Since Linux 5.18 an empty argv becomes one empty string.
        byte[] shown = directory == Fd.CurrentDirectory || name is [(byte)'/', ..]
            ? name.ToArray()
            : Encoding.ASCII.GetBytes(string.Create(
                CultureInfo.InvariantCulture,
                $"/dev/fd/{directory.Number}{(name.IsEmpty ? "" : "/" + Encoding.UTF8.GetString(name))}"));
        return Exec.Run(task, ExecutableOpener.Instance, file, new ExecStrings(shown, argumentList, environmentList));
    }

    private static Result<OpenFile> Open(Task task, Fd directory, ReadOnlySpan<byte> name, AtFlags flags)
    {
        bool follow = (flags & AtFlags.SymlinkNoFollow) == 0;
        if (directory == Fd.CurrentDirectory || name is [(byte)'/', ..])
            return ExecutableOpener.OpenExecutable(task, task.Fs.WorkingDirectory, name, follow);
        if (task.Files.Get(directory, allowPathOnly: true).Failed(out OpenFile? start, out Errno error))
            return error;
        Result<OpenFile> opened;
        if (name.IsEmpty)
            opened = (flags & AtFlags.EmptyPath) == 0 ? Errno.ENOENT : OpenDescriptor(task, start);
        else
            opened = start.Path.IsSome
                ? ExecutableOpener.OpenExecutable(task, start.Path, name, follow)
                : Errno.ENOTDIR;
        start.Release();
        return opened;
    }

    // A memfd has no place in the tree, but can be run all the same (fexecve(3)).
    private static Result<OpenFile> OpenDescriptor(Task task, OpenFile file)
    {
        if (file.Path.IsSome)
            return ExecutableOpener.OpenExecutable(task, file.Path);
        if (!file.Inode.IsRegular || Access.Check(file.Inode, AccessMask.Execute, task.Credentials) != Errno.Ok)
            return Errno.EACCES;
        file.AddReference();
        return file;
    }

    private static Errno ReadStrings(Task task, UserAddress array, List<byte[]> strings, ref long budget)
    {
        if (array.IsNull)
            return Errno.Ok;
        Span<ulong> pointers = stackalloc ulong[64];
        ExecStringReader reader = new(task.Memory, stackalloc byte[ExecStringReader.WindowBytes]);
        for (ulong index = 0; index < MaxStrings;)
        {
            // As far as the memory goes: the array may end with it.
            UserAddress place = new UserPtr<ulong>(array).At(index).Address;
            if (task.Memory.ReadSome(place, MemoryMarshal.AsBytes(pointers)).Failed(out int bytes, out Errno error))
                return error;
            if (bytes < sizeof(ulong))
                return Errno.EFAULT;
            foreach (ulong pointer in pointers[..(bytes / sizeof(ulong))])
            {
                if (pointer == 0)
                    return Errno.Ok;
                if (reader.Read(new UserAddress(pointer)).Failed(out byte[]? text, out error))
                    return error;
                budget -= text.Length + 9;
                if (budget < 0)
                    return Errno.E2BIG;
                strings.Add(text);
                index++;
            }
        }

        return Errno.E2BIG;
    }
}
