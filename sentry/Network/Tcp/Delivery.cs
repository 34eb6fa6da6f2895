namespace Sandbox.Sentry.Network.Tcp;

/// <summary>
/// Connections with arrivals that this thread brought, to be processed once it holds no connection's lock. Nested runs
/// are left to the outermost: a conversation of any length takes one frame of the stack.
/// </summary>
internal static class Delivery
{
    [ThreadStatic]
    private static Queue<TcpConnection>? _waiting;

    [ThreadStatic]
    private static Queue<TcpConnection>? _unsettled;

    [ThreadStatic]
    private static bool _isRunning;

    public static void Add(TcpConnection connection) => (_waiting ??= new Queue<TcpConnection>()).Enqueue(connection);

    /// <summary>
    /// A connection of this thread needs its timer, unless what is still to be processed answers it: most do.
    /// </summary>
    public static void AddUnsettled(TcpConnection connection) =>
        (_unsettled ??= new Queue<TcpConnection>()).Enqueue(connection);

    public static void Run()
    {
        if (_isRunning || (_waiting is not { Count: > 0 } && _unsettled is not { Count: > 0 }))
            return;
        _isRunning = true;
        try
        {
            TcpConnection? connection = null;
            while (_waiting?.TryDequeue(out connection) == true)
                connection.ProcessArrivals();
            while (_unsettled?.TryDequeue(out connection) == true)
                connection.Settle();
        }
        finally
        {
            _isRunning = false;
        }
    }
}
