import FlamebackCore
import FlamebackFiles
import FlamebackKernels

/// Turns tensors into what files hold. Tensors that share memory share it in the file too.
struct RawConverter {
  private var storages: [ObjectIdentifier: RawStorage] = [:]

  mutating func raw(_ tensor: Tensor) -> RawTensor {
    let host = tensor.detached().cpu()
    let storage = host.body.storage
    let id = ObjectIdentifier(storage)
    let raw =
      storages[id]
      ?? RawStorage(UnsafeRawBufferPointer(start: storage.address, count: storage.byteCount), owner: storage)
    storages[id] = raw
    return RawTensor(
      type: StoredType(host.dtype), shape: host.shape, strides: host.strides, offset: host.storageOffset, storage: raw,
      requiresGrad: tensor.requiresGrad)
  }
}

/// Turns what files hold into tensors, without a copy where the bytes lie as a kernel needs them.
struct TensorConverter {
  private var storages: [ObjectIdentifier: Storage] = [:]

  mutating func tensor(_ raw: RawTensor, path: String) throws(FileError) -> Tensor {
    guard let dtype = raw.dtype else {
      throw FileError(path: path, "a tensor of type \(raw.type.rawValue), which has no dtype here")
    }
    try raw.storage.verify()
    let isAligned = raw.storage.bytes.baseAddress.map { Int(bitPattern: $0) % dtype.byteSize == 0 } ?? true
    if isAligned, let base = raw.storage.bytes.baseAddress {
      let id = ObjectIdentifier(raw.storage)
      let storage =
        storages[id]
        ?? Storage(
          foreign: UnsafeMutableRawPointer(mutating: base), byteCount: raw.storage.bytes.count, isConstant: true,
          release: { [owner = raw.storage] in withExtendedLifetime(owner) {} })
      storages[id] = storage
      return Tensor(TensorBody(storage: storage, layout: raw.layout, dtype: dtype))
    }
    let spec = TensorSpec(shape: raw.shape, dtype: dtype)
    do {
      let tensor = try Tensor.uninitialized(spec, op: "load")
      raw.copyElements(to: tensor.body.storage.address)
      return tensor
    } catch { throw FileError(path: path, "\(spec) does not fit into memory") }
  }
}
