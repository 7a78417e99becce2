import FlamebackKernels

/// The updates of an optimizer's step, so that those of one kind run as one over all parameters.
package final class UpdateQueue {
  private struct Batch {
    var kernel: UpdateKernel
    var dtype: DType
    var numbers: [Double]
    var operands = UpdateKernel.Operands()
    var tensors: [Tensor] = []  // whose memory the operands are
  }

  /// Kept from step to step for their arrays' sake.
  private var batches: [Batch] = []

  package init() {}

  /// The targets are packed, of one shape, and nobody else's.
  func add(_ kernel: UpdateKernel, _ dtype: DType, _ numbers: [Double], _ targets: [Tensor], _ sources: [Tensor]) {
    let i = batch(kernel, dtype, numbers)
    for target in targets {
      batches[i].operands.append(target: target.hostView.pointer)
      batches[i].tensors.append(target)
    }
    for source in sources {
      batches[i].operands.append(source: source.hostView.pointer)
      batches[i].tensors.append(source)
    }
    batches[i].operands.endParameter(count: targets[0].elementCount)
  }

  private func batch(_ kernel: UpdateKernel, _ dtype: DType, _ numbers: [Double]) -> Int {
    for i in batches.indices {
      if batches[i].operands.isEmpty {
        batches[i].kernel = kernel
        batches[i].dtype = dtype
        batches[i].numbers = numbers
        return i
      }
      if batches[i].numbers == numbers, batches[i].dtype == dtype, batches[i].kernel.name == kernel.name { return i }
    }
    batches.append(Batch(kernel: kernel, dtype: dtype, numbers: numbers))
    return batches.count - 1
  }

  package func run() {
    for i in batches.indices where !batches[i].operands.isEmpty {
      batches[i].kernel(batches[i].dtype, batches[i].operands, numbers: batches[i].numbers)
      batches[i].operands.removeAll()
      batches[i].tensors.removeAll(keepingCapacity: true)
    }
  }
}
