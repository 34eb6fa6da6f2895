using System.Diagnostics;
using System.Runtime.CompilerServices;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.SyscallTables.Tracing;

namespace Sandbox.SyscallTables;

/// <summary>How well a call is supported.</summary>
internal enum SupportLevel
{
    Full,
    Partial,
    Unsupported,
}

/// <summary>
/// One row of a syscall table, with all that is to be known of the call: a name, a handler whose parameter types say
/// how the registers are read, how well it is supported, how a trace shows it, where it waits, and which ways it may
/// come. A register is truncated to its parameter's size, which is what the C ABI does with an int.
/// </summary>
internal sealed unsafe class Syscall
{
    private readonly delegate*<void*, Task, in SyscallArguments, SyscallResult> _invoke;
    private readonly void* _handler;

    private Syscall(
        string name, delegate*<void*, Task, in SyscallArguments, SyscallResult> invoke, void* handler,
        params Type[] parameters)
    {
        Name = name;
        _invoke = invoke;
        _handler = handler;
        Parameters = parameters;
    }

    public string Name { get; }

    /// <summary>The parameters' types, for tracing.</summary>
    public Type[] Parameters { get; }

    public SupportLevel Level { get; private set; } = SupportLevel.Full;

    /// <summary>What is missing, for a partial call; why, for an unsupported one.</summary>
    public string Note { get; private set; } = "";

    /// <summary>What an unsupported call answers.</summary>
    public Errno Error { get; private init; }

    /// <summary>What the call belongs to, as the coverage table groups it.</summary>
    public string Family { get; private set; } = "";

    /// <summary>How a trace writes the arguments; empty where their types say enough.</summary>
    public ArgumentFormat[] Formats { get; private set; } = [];

    /// <summary>A trace writes the result as an address.</summary>
    public bool AnswersAddress { get; private set; }

    /// <summary>The kernel function that the call would sleep in on Linux (/proc/PID/wchan), or "0".</summary>
    public string WaitChannel { get; private set; } = "0";

    /// <summary>
    /// A call that has done nothing when it has to wait: it may be forgotten and made again when there is something for
    /// it, so that no thread of the Sentry sleeps meanwhile. Not open(2) of a FIFO, which waits for somebody to see it.
    /// </summary>
    public bool MayWaitWithoutThread { get; private set; }

    /// <summary>Whether the call may come by a shared page, and with what of the caller's memory.</summary>
    public PageCall Page { get; private set; }

    /// <summary>
    /// The handler always needs all registers or runs commands in the guest:
    /// the filter of guests traps the call (GuestFilter).
    /// </summary>
    public bool IsTrapped { get; private set; }

    /// <summary>
    /// The host makes the call where its arguments are harmless (GuestFilter): then no handler sees it.
    /// </summary>
    public bool IsNative { get; private set; }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public SyscallResult Invoke(Task task, in SyscallArguments arguments) => _invoke(_handler, task, in arguments);

    /// <summary>Marks the row as partly supported.</summary>
    public Syscall Partial(string note)
    {
        (Level, Note) = (SupportLevel.Partial, note);
        return this;
    }

    /// <summary>Sets <see cref="Formats"/>.</summary>
    public Syscall Shows(params ArgumentFormat[] formats)
    {
        Formats = formats;
        return this;
    }

    /// <summary>Sets <see cref="AnswersAddress"/>.</summary>
    public Syscall ReturnsAddress()
    {
        AnswersAddress = true;
        return this;
    }

    /// <summary>Sets <see cref="WaitChannel"/> and <see cref="MayWaitWithoutThread"/>.</summary>
    public Syscall Waits(string channel, bool withoutThread = false)
    {
        (WaitChannel, MayWaitWithoutThread) = (channel, withoutThread);
        return this;
    }

    /// <summary>Sets <see cref="Page"/>.</summary>
    public Syscall ByPage(PageCall page)
    {
        Page = page;
        return this;
    }

    /// <summary>Sets <see cref="IsTrapped"/>.</summary>
    public Syscall NeedsRegisters()
    {
        IsTrapped = true;
        return this;
    }

    /// <summary>Sets <see cref="IsNative"/>.</summary>
    public Syscall RunsNatively()
    {
        IsNative = true;
        return this;
    }

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

    public static Syscall Of<T0, T1, T2, T3, T4>(
        string name, delegate*<Task, T0, T1, T2, T3, T4, SyscallResult> handler)
        where T0 : unmanaged
        where T1 : unmanaged
        where T2 : unmanaged
        where T3 : unmanaged
        where T4 : unmanaged
    {
        return new Syscall(name, &Call, handler, typeof(T0), typeof(T1), typeof(T2), typeof(T3), typeof(T4));

        static SyscallResult Call(void* handler, Task task, in SyscallArguments arguments) =>
            ((delegate*<Task, T0, T1, T2, T3, T4, SyscallResult>)handler)(
                task, As<T0>(arguments.A0), As<T1>(arguments.A1), As<T2>(arguments.A2), As<T3>(arguments.A3),
                As<T4>(arguments.A4));
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
