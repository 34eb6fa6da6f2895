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
    private static bool _isRunning;

    public static void Add(TcpConnection connection) => (_waiting ??= new Queue<TcpConnection>()).Enqueue(connection);

    public static void Run()
    {
        if (_isRunning || _waiting is not { Count: > 0 } waiting)
            return;
        _isRunning = true;
        try
        {
            while (waiting.TryDequeue(out TcpConnection? connection))
                connection.ProcessArrivals();
        }
        finally
        {
            _isRunning = false;
        }
    }
}
