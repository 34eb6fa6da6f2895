namespace Sandbox.Linux;

/// <summary>The size of a page of memory on x86-64.</summary>
public static class PageSize
{
    public const int Bytes = 4096;
}
