namespace Sandbox.Sentry.Diagnostics;

/// <summary>Something the sandbox has more or less of from moment to moment.</summary>
/// <param name="Name">For programs: "memory-shared".</param>
/// <param name="Title">For people.</param>
/// <param name="Unit">"B" for bytes, or empty.</param>
internal readonly record struct Gauge(string Name, string Title, string Unit, double Value);
