namespace Sandbox.Runsc;

/// <summary>The entry point of the <c>runsc</c> binary.</summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        Console.Error.WriteLine($"runsc: {args.Length} arguments, nothing here yet");
        return 1;
    }
}
