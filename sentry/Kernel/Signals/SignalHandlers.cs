using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>struct sigaction as the kernel takes it (rt_sigaction(2)).</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct SignalAction(ulong Handler, ulong Flags, ulong Restorer, SignalSet Mask)
{
    public const ulong DefaultHandler = 0, IgnoreHandler = 1;
    public const ulong NoChildStop = 1, NoChildWait = 2, WithInfo = 4, OnStack = 0x08000000, Restart = 0x10000000,
        NoDefer = 0x40000000, ResetHandler = 0x80000000, HasRestorer = 0x04000000;

    public bool IsDefault => Handler == DefaultHandler;

    public bool IsIgnore => Handler == IgnoreHandler;
}

/// <summary>What a process does on each signal; shared with CLONE_SIGHAND. Guarded by the kernel's Tree lock.</summary>
internal sealed class SignalHandlers
{
    private readonly SignalAction[] _actions = new SignalAction[(int)Signal.Last + 1];

    /// <summary>Processes that use it beyond the first (CLONE_SIGHAND without CLONE_THREAD).</summary>
    public int ExtraUsers { get; set; }

    public bool IsShared => ExtraUsers > 0;

    /// <summary>Where signalfds of the processes that share this wait: notified (In) for every signal queued.</summary>
    public WaitQueue FileWaiters { get; } = new();

    public SignalAction this[Signal signal]
    {
        get => _actions[(int)signal];
        set => _actions[(int)signal] = value;
    }

    public SignalHandlers Clone()
    {
        SignalHandlers copy = new();
        _actions.CopyTo(copy._actions, 0);
        return copy;
    }

    /// <summary>execve(2): caught signals return to their defaults, ignored ones stay ignored.</summary>
    public void ResetCaught()
    {
        for (int number = 1; number < _actions.Length; number++)
            _actions[number] = _actions[number].IsIgnore
                ? new SignalAction(SignalAction.IgnoreHandler, 0, 0, default)
                : default;
    }
}
