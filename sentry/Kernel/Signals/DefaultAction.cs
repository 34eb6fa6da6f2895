using Sandbox.Linux;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>What a signal does that nobody handles (signal(7), "Standard signals").</summary>
internal enum DefaultAction
{
    Terminate,

    /// <summary>
    /// Terminates; Linux would try to write a core file. The sandbox writes none, so the wait status says "not dumped".
    /// </summary>
    Core,
    Ignore,
    Stop,
}

/// <summary>The default actions of all signals.</summary>
internal static class DefaultActions
{
    /// <summary>SIGSTOP and the terminal's stop signals: they and SIGCONT discard each other.</summary>
    public static SignalSet Stops => SignalSet.Of(Signal.Stop) | SignalSet.Of(Signal.TerminalStop)
        | SignalSet.Of(Signal.TerminalInput) | SignalSet.Of(Signal.TerminalOutput);

    public static DefaultAction Of(Signal signal) => signal switch
    {
        Signal.Child or Signal.Continue or Signal.Urgent or Signal.WindowChange => DefaultAction.Ignore,
        Signal.Stop or Signal.TerminalStop or Signal.TerminalInput or Signal.TerminalOutput => DefaultAction.Stop,
        Signal.Quit or Signal.IllegalInstruction or Signal.Trap or Signal.Abort or Signal.FloatingPoint
            or Signal.Segment
            or Signal.Bus or Signal.BadSystemCall or Signal.CpuLimit or Signal.FileSizeLimit => DefaultAction.Core,
        _ => DefaultAction.Terminate,
    };
}
