import Flameback
import FlamebackCore
import FlamebackFiles

extension Tensor {
  /// The elements of a stored tensor, without a copy where they lie as a kernel needs them.
  public init(_ stored: ONNXTensor, path: String = "") throws(FileError) {
    func failure(_ message: String) -> FileError { FileError(path: path, place: "tensor '\(stored.name)'", message) }
    guard let raw = stored.raw, let dtype = stored.type.dtype else {
      throw failure("elements of type \(stored.type) cannot be computed with")
    }
    let shape = raw.shape
    if dtype != .bool, raw.isContiguous, raw.elementCount > 0,
      let base = raw.storage.bytes.baseAddress.map({ $0 + raw.offset * dtype.byteSize }),
      Int(bitPattern: base) % dtype.byteSize == 0
    {
      let owner = raw.storage
      self.init(foreign: UnsafeMutableRawPointer(mutating: base), shape: shape, dtype: dtype, isConstant: true) {
        withExtendedLifetime(owner) {}
      }
      return
    }
    do {
      let tensor = try Tensor.uninitialized(TensorSpec(shape: shape, dtype: dtype), op: "load")
      raw.copyElements(to: tensor.hostView.pointer)
      self = tensor
    } catch { throw failure(error.message) }
  }
}

extension ONNXTensor {
  /// The elements of a tensor, which lives as long as this one. complex32, which ONNX has not, is stored as complex64.
  init(name: String, _ tensor: Tensor) {
    let known = ONNXType(tensor.dtype) == nil ? tensor.detached().to(.complex64) : tensor
    let host = known.detached().cpu().contiguous()
    let view = host.hostView
    let bytes = UnsafeRawBufferPointer(start: view.pointer, count: host.elementCount * host.dtype.byteSize)
    let storage = RawStorage(bytes, owner: Holder(host))
    self.init(name: name, raw: RawTensor(type: StoredType(host.dtype), shape: host.shape, storage: storage))
  }
}

/// Keeps a tensor's memory alive.
private final class Holder {
  let tensor: Tensor
  init(_ tensor: Tensor) { self.tensor = tensor }
}
