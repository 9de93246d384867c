/// The version of this program; the commit stands beside it in `shoal --version`.
public enum ShoalVersion {
    public static let current = "0.1.0"
}
