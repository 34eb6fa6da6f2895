using Sandbox.Linux;

namespace Sandbox.Sentry.Sync;

/// <summary>
/// Futex wakes of one thread, held back until it has released its wait queue's lock. The woken thread's first step is to
/// take that lock: woken under it, it would go straight back to sleep.
/// </summary>
internal static class DeferredWakes
{
    private const int MaxHeld = 16;

    [ThreadStatic]
    private static State? _state;

    /// <summary>What one thread holds back.</summary>
    internal sealed class State
    {
        public readonly HostFutex[] Held = new HostFutex[MaxHeld];
        public int Count;
        public int Depth;
    }

    /// <summary>Wakes are held back until the scope ends, which must begin before the lock is taken; nests.</summary>
    public static Scope Begin()
    {
        State state = _state ??= new State();
        state.Depth++;
        return new Scope(state);
    }

    /// <summary>Wakes whom it held back, at the end of the outermost scope.</summary>
    private static void End(State state)
    {
        if (--state.Depth != 0)
            return;
        for (int i = 0; i < state.Count; i++)
            state.Held[i].Wake();
        state.Count = 0;
    }

    /// <summary>Wakes the sleeper, now or at the end of the scope.</summary>
    public static void Wake(HostFutex futex)
    {
        if (_state is { Depth: > 0, Count: < MaxHeld } state)
            state.Held[state.Count++] = futex;
        else
            futex.Wake();
    }

    /// <summary>Wakes are held back until it is disposed.</summary>
    public readonly ref struct Scope(State state)
    {
        public void Dispose() => End(state);
    }
}
