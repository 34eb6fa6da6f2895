namespace Sandbox.Sentry.Sync;

/// <summary>
/// Wakes by one thread, held back until it has released its wait queue's lock. The woken thread's first step is to
/// take that lock: woken under it, it would go straight back to sleep.
/// </summary>
internal static class HeldWakes
{
    private const int MaxHeld = 16;

    [ThreadStatic]
    private static State? _state;

    /// <summary>The wakes that one thread holds back.</summary>
    internal sealed class State
    {
        public readonly Parker[] Held = new Parker[MaxHeld];
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
            state.Held[i].WakeNow();
        state.Count = 0;
    }

    /// <summary>Wakes the sleeper, now or at the end of the scope.</summary>
    public static void Wake(Parker parker)
    {
        if (_state is { Depth: > 0, Count: < MaxHeld } state)
            state.Held[state.Count++] = parker;
        else
            parker.WakeNow();
    }

    /// <summary>Wakes are held back until it is disposed.</summary>
    public readonly ref struct Scope(State state)
    {
        public void Dispose() => End(state);
    }
}
