namespace Sandbox.GuestTests;

/// <summary>Names the folder of Programs/ that a class of tests runs.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class FamilyAttribute(string name) : Attribute
{
    public string Name => name;
}
