import FlamebackFiles

/// The 1,797 handwritten digits that come with the package: 8 × 8 pixels of 0 … 16, from UCI's test set (CC BY 4.0).
public enum Digits {
  /// All images in the order of the source, one channel. SeeAlso: sklearn.datasets.load_digits
  public static func load() throws(FileError) -> ImageSet {
    try DigitsCSV.read(FileBytes(PackageResources.digits_csv_gz, path: "digits.csv.gz"))
  }
}
