import FlamebackCore
import FlamebackFiles

extension Tensor {
  /// The array in an `.npy` file. SeeAlso: numpy.load
  public init(npy path: String) throws(FileError) {
    var converter = TensorConverter()
    self = try converter.tensor(Npy.read(path), path: path)
  }

  /// Writes an `.npy` file. SeeAlso: numpy.save
  public func save(npy path: String) throws(FileError) {
    var converter = RawConverter()
    try Npy.write(converter.raw(self), to: path)
  }
}
