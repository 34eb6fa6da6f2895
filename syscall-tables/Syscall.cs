using System.Diagnostics;
using System.Runtime.CompilerServices;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.SyscallTables;

/// <summary>How well a call is supported.</summary>
internal enum SupportLevel
{
    Full,
    Partial,
    Unsupported,
}

/// <summary>
/// One row of a syscall table: a name, and a handler whose parameter types say how the registers are read.
/// A register is truncated to its parameter's size, which is what the C ABI does with an int.
/// </summary>
internal sealed unsafe class Syscall
{
    private readonly delegate*<void*, Task, in SyscallArguments, SyscallResult> _invoke;
    private readonly void* _handler;

    private Syscall(
        string name, delegate*<void*, Task, in SyscallArguments, SyscallResult> invoke, void* handler, params Type[] parameters)
    {
        Name = name;
        _invoke = invoke;
        _handler = handler;
        Parameters = parameters;
    }

    public string Name { get; }

    /// <summary>The parameters' types, for tracing.</summary>
    public Type[] Parameters { get; }

    public SupportLevel Level { get; private init; } = SupportLevel.Full;

    /// <summary>What is missing, for a partial call; why, for an unsupported one.</summary>
    public string Note { get; private init; } = "";

    /// <summary>What an unsupported call answers.</summary>
    public Errno Error { get; private init; }

    /// <summary>What the call belongs to, as the coverage table groups it.</summary>
    public string Family { get; private set; } = "";

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public SyscallResult Invoke(Task task, in SyscallArguments arguments) => _invoke(_handler, task, in arguments);

    /// <summary>The same row, marked as partly supported.</summary>
    public Syscall Partial(string note) =>
        new(Name, _invoke, _handler, Parameters) { Level = SupportLevel.Partial, Note = note };

    /// <summary>Puts the row into a family, unless it is in one already.</summary>
    public void JoinFamily(string family)
    {
        if (Family.Length == 0)
            Family = family;
    }

    /// <summary>A call that always fails, honestly: each is logged once, by name.</summary>
    public static Syscall Missing(string name, Errno error, string note)
    {
        return new Syscall(name, &Call, (void*)(nint)(int)error)
        {
            Level = SupportLevel.Unsupported, Note = note, Error = error,
        };

        static SyscallResult Call(void* handler, Task task, in SyscallArguments arguments)
        {
            Errno error = (Errno)(int)(nint)handler;
            LinuxX64.ReportUnsupported(task, arguments.Number, error);
            return error;
        }
    }

    public static Syscall Of(string name, delegate*<Task, SyscallResult> handler)
    {
        return new Syscall(name, &Call, handler);

        static SyscallResult Call(void* handler, Task task, in SyscallArguments arguments) =>
            ((delegate*<Task, SyscallResult>)handler)(task);
    }

    public static Syscall Of<T0>(string name, delegate*<Task, T0, SyscallResult> handler)
        where T0 : unmanaged
    {
        return new Syscall(name, &Call, handler, typeof(T0));

        static SyscallResult Call(void* handler, Task task, in SyscallArguments arguments) =>
            ((delegate*<Task, T0, SyscallResult>)handler)(task, As<T0>(arguments.A0));
    }

    public static Syscall Of<T0, T1>(string name, delegate*<Task, T0, T1, SyscallResult> handler)
        where T0 : unmanaged
        where T1 : unmanaged
    {
        return new Syscall(name, &Call, handler, typeof(T0), typeof(T1));

        static SyscallResult Call(void* handler, Task task, in SyscallArguments arguments) =>
            ((delegate*<Task, T0, T1, SyscallResult>)handler)(task, As<T0>(arguments.A0), As<T1>(arguments.A1));
    }

    public static Syscall Of<T0, T1, T2>(string name, delegate*<Task, T0, T1, T2, SyscallResult> handler)
        where T0 : unmanaged
        where T1 : unmanaged
        where T2 : unmanaged
    {
        return new Syscall(name, &Call, handler, typeof(T0), typeof(T1), typeof(T2));

        static SyscallResult Call(void* handler, Task task, in SyscallArguments arguments) =>
            ((delegate*<Task, T0, T1, T2, SyscallResult>)handler)(
                task, As<T0>(arguments.A0), As<T1>(arguments.A1), As<T2>(arguments.A2));
    }

    public static Syscall Of<T0, T1, T2, T3>(string name, delegate*<Task, T0, T1, T2, T3, SyscallResult> handler)
        where T0 : unmanaged
        where T1 : unmanaged
        where T2 : unmanaged
        where T3 : unmanaged
    {
        return new Syscall(name, &Call, handler, typeof(T0), typeof(T1), typeof(T2), typeof(T3));

        static SyscallResult Call(void* handler, Task task, in SyscallArguments arguments) =>
            ((delegate*<Task, T0, T1, T2, T3, SyscallResult>)handler)(
                task, As<T0>(arguments.A0), As<T1>(arguments.A1), As<T2>(arguments.A2), As<T3>(arguments.A3));
    }

    public static Syscall Of<T0, T1, T2, T3, T4>(string name, delegate*<Task, T0, T1, T2, T3, T4, SyscallResult> handler)
        where T0 : unmanaged
        where T1 : unmanaged
        where T2 : unmanaged
        where T3 : unmanaged
        where T4 : unmanaged
    {
        return new Syscall(name, &Call, handler, typeof(T0), typeof(T1), typeof(T2), typeof(T3), typeof(T4));

        static SyscallResult Call(void* handler, Task task, in SyscallArguments arguments) =>
            ((delegate*<Task, T0, T1, T2, T3, T4, SyscallResult>)handler)(
                task, As<T0>(arguments.A0), As<T1>(arguments.A1), As<T2>(arguments.A2), As<T3>(arguments.A3), As<T4>(arguments.A4));
    }

    public static Syscall Of<T0, T1, T2, T3, T4, T5>(
        string name, delegate*<Task, T0, T1, T2, T3, T4, T5, SyscallResult> handler)
        where T0 : unmanaged
        where T1 : unmanaged
        where T2 : unmanaged
        where T3 : unmanaged
        where T4 : unmanaged
        where T5 : unmanaged
    {
        return new Syscall(
            name, &Call, handler, typeof(T0), typeof(T1), typeof(T2), typeof(T3), typeof(T4), typeof(T5));

        static SyscallResult Call(void* handler, Task task, in SyscallArguments arguments) =>
            ((delegate*<Task, T0, T1, T2, T3, T4, T5, SyscallResult>)handler)(
                task, As<T0>(arguments.A0), As<T1>(arguments.A1), As<T2>(arguments.A2), As<T3>(arguments.A3),
                As<T4>(arguments.A4), As<T5>(arguments.A5));
    }

    private static T As<T>(ulong register)
        where T : unmanaged
    {
        Debug.Assert(sizeof(T) <= sizeof(ulong), "a parameter wider than a register");
        return Unsafe.As<ulong, T>(ref register);
    }
}
