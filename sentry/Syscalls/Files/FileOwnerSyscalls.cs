using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>struct f_owner_ex (fcntl(2)).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FileOwnerArgument
{
    public int Type;
    public int Number;
}

/// <summary>Signal-driven input and output: O_ASYNC, F_SETOWN, F_SETSIG and their kin (fcntl(2), socket(7)).</summary>
internal static class FileOwnerSyscalls
{
    /// <summary>
    /// F_SETOWN, FIOSETOWN, SIOCSPGRP: a process, or a process group by its negative number. ESRCH, EINVAL.
    /// </summary>
    public static SyscallResult SetOwner(Task task, OpenFile file, int number)
    {
        if (number == int.MinValue)
            return Errno.EINVAL;
        return number < 0
            ? Set(task, file, IoOwnerKind.ProcessGroup, -number)
            : Set(task, file, IoOwnerKind.Process, number);
    }

    public static SyscallResult GetOwner(Task task, OpenFile file)
    {
        if (file.IoSignal is not IoSignal signal)
            return 0;
        (IoOwnerKind kind, int number) = signal.OwnerFor(task.PidNamespace);
        return kind == IoOwnerKind.ProcessGroup ? -number : number;
    }

    public static SyscallResult SetOwner(Task task, OpenFile file, UserPtr<FileOwnerArgument> pointer)
    {
        if (task.Memory.Read(pointer, out FileOwnerArgument owner) is not Errno.Ok and Errno error)
            return error;
        return owner.Type is >= 0 and <= 2 && owner.Number >= 0
            ? Set(task, file, (IoOwnerKind)owner.Type, owner.Number)
            : Errno.EINVAL;
    }

    public static SyscallResult GetOwner(Task task, OpenFile file, UserPtr<FileOwnerArgument> pointer)
    {
        FileOwnerArgument owner = default;
        if (file.IoSignal is IoSignal signal)
        {
            (IoOwnerKind kind, owner.Number) = signal.OwnerFor(task.PidNamespace);
            owner.Type = (int)kind;
        }

        return task.Memory.Write(pointer, owner);
    }

    public static SyscallResult SetSignal(Task task, OpenFile file, ulong number)
    {
        if (number > (ulong)Signal.Last)
            return Errno.EINVAL;
        if (IoSignal.Of(task, file) is { } signal)
            signal.Signal = (Signal)(int)number;
        return 0;
    }

    public static SyscallResult GetSignal(OpenFile file) => file.IoSignal is IoSignal signal ? (int)signal.Signal : 0;

    /// <summary>Switches O_ASYNC. False if such a file never sends signals.</summary>
    public static bool Switch(Task task, Fd fd, OpenFile file, bool isOn)
    {
        if (IoSignal.Of(task, file) is not { } signal)
            return false;
        signal.Switch(isOn, fd);
        file.Flags = isOn ? file.Flags | OpenFlags.Async : file.Flags & ~OpenFlags.Async;
        return true;
    }

    // A file that never sends signals takes an owner and forgets it.
    private static SyscallResult Set(Task task, OpenFile file, IoOwnerKind kind, int number)
    {
        Pid? owner = null;
        using (task.Kernel.Tree.Enter())
        {
            if (number != 0 && (owner = task.PidNamespace.Find(number)) is null)
                return Errno.ESRCH;
        }

        IoSignal.Of(task, file)?.SetOwner(task, kind, owner);
        return 0;
    }
}
