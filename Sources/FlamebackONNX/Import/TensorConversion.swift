import Flameback
import FlamebackCore
import FlamebackFiles

extension Tensor {
  /// The elements of a stored tensor, without a copy where they lie as a kernel needs them.
  ///
  /// Unsigned numbers of 16 to 64 bits become the next wider signed type (64 bits: int64).
  public init(_ stored: ONNXTensor, path: String = "") throws(FileError) {
    func failure(_ message: String) -> FileError { FileError(path: path, place: "tensor '\(stored.name)'", message) }
    guard let raw = stored.raw, let dtype = stored.type.dtype else {
      throw failure("elements of type \(stored.type) cannot be computed with")
    }
    let shape = raw.shape
    if raw.dtype == dtype, dtype != .bool, raw.isContiguous, raw.elementCount > 0,
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
      let target = tensor.hostView.pointer
      if raw.dtype == dtype {
        raw.copyElements(to: target)
      } else {
        raw.withContiguousBytes { bytes in
          for i in 0..<shape.elementCount {
            switch raw.type {
            case .uint16:
              let value = bytes.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self)
              target.storeBytes(of: Int32(value), toByteOffset: 4 * i, as: Int32.self)
            case .uint32:
              let value = bytes.loadUnaligned(fromByteOffset: 4 * i, as: UInt32.self)
              target.storeBytes(of: Int64(value), toByteOffset: 8 * i, as: Int64.self)
            default:
              let value = bytes.loadUnaligned(fromByteOffset: 8 * i, as: Int64.self)
              target.storeBytes(of: value, toByteOffset: 8 * i, as: Int64.self)
            }
          }
        }
      }
      self = tensor
    } catch { throw failure(error.message) }
  }
}

extension ONNXTensor {
  /// The elements of a tensor, which lives as long as this one.
  init(name: String, _ tensor: Tensor) {
    let host = tensor.detached().cpu().contiguous()
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
