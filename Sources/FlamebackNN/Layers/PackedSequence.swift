import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Sequences of different lengths, step after step: first all first elements, then all second ones, …
///
/// SeeAlso: torch.nn.utils.rnn.PackedSequence
public struct PackedSequence: Sendable {
  public var data: Tensor
  /// How many sequences are still running at each step.
  public let batchSizes: [Int]
  /// Where the sequences stood in the batch, longest first; nil if they came in that order.
  public let sortedIndices: Tensor?
  /// The inverse.
  public let unsortedIndices: Tensor?

  public init(
    _ data: Tensor, batchSizes: [Int], sortedIndices: Tensor? = nil, unsortedIndices: Tensor? = nil
  ) {
    self.data = data
    self.batchSizes = batchSizes
    self.sortedIndices = sortedIndices
    self.unsortedIndices = unsortedIndices ?? sortedIndices.map(inversePermutation)
  }
}

/// Where each element of a permutation stands.
func inversePermutation(_ permutation: Tensor) -> Tensor {
  let order = permutation.scalars(Int.self)
  var inverse = Array(repeating: 0, count: order.count)
  for (i, position) in order.enumerated() { inverse[position] = i }
  return Tensor(inverse, shape: [order.count], device: permutation.device)
}

/// Packs a padded batch `[time, batch, …]` (or `[batch, time, …]`).
///
/// Lengths must fall unless `enforceSorted` is false. SeeAlso: torch.nn.utils.rnn.pack_padded_sequence
public func packPaddedSequence(
  _ input: Tensor, lengths: [Int], batchFirst: Bool = false, enforceSorted: Bool = true
) -> PackedSequence {
  let time = batchFirst ? 1 : 0
  guard input.rank >= 2, lengths.count == input.shape[1 - time], let longest = lengths.max(),
    lengths.allSatisfy({ $0 > 0 }), longest <= input.shape[time]
  else {
    return PackedSequence(
      fail("packPaddedSequence", "lengths \(lengths) do not fit \(input.spec)"), batchSizes: [])
  }
  var order = Array(lengths.indices)
  if !enforceSorted {
    order = lengths.indices.sorted { lengths[$0] > lengths[$1] }
  } else if zip(lengths, lengths.dropFirst()).contains(where: { $0 < $1 }) {
    return PackedSequence(
      fail("packPaddedSequence", "lengths must fall (\(lengths)): pass enforceSorted: false"), batchSizes: [])
  }
  var steps = batchFirst ? input.transpose(0, 1) : input
  var sorted: Tensor?
  if !enforceSorted {
    sorted = Tensor(order, shape: [order.count], device: input.device)
    steps = steps.indexSelect(dim: 1, index: sorted!)
  }
  let batchSizes = (0..<longest).map { t in lengths.count { $0 > t } }
  let parts = zip(steps.unbind(dim: 0), batchSizes).map { $0.narrow(dim: 0, start: 0, length: $1) }
  return PackedSequence(Tensor.cat(parts), batchSizes: batchSizes, sortedIndices: sorted)
}

/// The padded batch of packed sequences, and their lengths. SeeAlso: torch.nn.utils.rnn.pad_packed_sequence
public func padPackedSequence(
  _ sequence: PackedSequence, batchFirst: Bool = false, paddingValue: Double = 0, totalLength: Int? = nil
) -> (output: Tensor, lengths: Tensor) {
  let sizes = sequence.batchSizes
  guard let batch = sizes.first else { return (sequence.data, .zeros([0], dtype: .int64)) }
  let total = totalLength ?? sizes.count
  if total < sizes.count {
    let message = "totalLength \(total) is shorter than the longest sequence (\(sizes.count))"
    return (fail("padPackedSequence", message), .zeros([0], dtype: .int64))
  }
  let rest = sequence.data.shape.dropFirst()
  var steps = sequence.data.split(sizes, dim: 0).map { step in
    step.shape[0] == batch
      ? step
      : Tensor.cat([
        step, Tensor.full([batch - step.shape[0]] + rest, .float(paddingValue), dtype: step.dtype, device: step.device),
      ])
  }
  if total > sizes.count {
    let padding = Tensor.full(
      [batch] + rest, .float(paddingValue), dtype: sequence.data.dtype, device: sequence.data.device)
    steps += Array(repeating: padding, count: total - sizes.count)
  }
  var output = Tensor.stack(steps, dim: batchFirst ? 1 : 0)
  var lengths = Tensor((0..<batch).map { i in sizes.count { $0 > i } }, shape: [batch])
  if let unsorted = sequence.unsortedIndices {
    output = output.indexSelect(dim: batchFirst ? 0 : 1, index: unsorted)
    lengths = lengths.indexSelect(dim: 0, index: unsorted)
  }
  return (output, lengths)
}

/// Packs sequences of falling length. SeeAlso: torch.nn.utils.rnn.pack_sequence
public func packSequence(_ sequences: [Tensor], enforceSorted: Bool = true) -> PackedSequence {
  packPaddedSequence(
    padSequence(sequences), lengths: sequences.map { $0.shape[0] }, enforceSorted: enforceSorted)
}

/// Sequences of different lengths side by side, filled up at the end (or at the beginning).
/// SeeAlso: torch.nn.utils.rnn.pad_sequence
public func padSequence(
  _ sequences: [Tensor], batchFirst: Bool = false, paddingValue: Double = 0, paddingSide: PaddingSide = .right
) -> Tensor {
  guard let longest = sequences.map({ $0.shape.first ?? 0 }).max() else {
    return fail("padSequence", "got no sequences")
  }
  let padded = sequences.map { sequence in
    let missing = longest - (sequence.shape.first ?? 0)
    if missing == 0 { return sequence }
    let padding = Tensor.full(
      [missing] + sequence.shape.dropFirst(), .float(paddingValue), dtype: sequence.dtype, device: sequence.device)
    return Tensor.cat(paddingSide == .right ? [sequence, padding] : [padding, sequence])
  }
  return Tensor.stack(padded, dim: batchFirst ? 0 : 1)
}

/// Where padding goes.
public enum PaddingSide: String, Sendable { case left, right }

/// The sequences of a padded batch. SeeAlso: torch.nn.utils.rnn.unpad_sequence
public func unpadSequence(_ padded: Tensor, lengths: [Int], batchFirst: Bool = false) -> [Tensor] {
  zip(padded.unbind(dim: batchFirst ? 0 : 1), lengths).map { $0.narrow(dim: 0, start: 0, length: $1) }
}

/// The sequences of a packed batch. SeeAlso: torch.nn.utils.rnn.unpack_sequence
public func unpackSequence(_ packed: PackedSequence) -> [Tensor] {
  let (padded, lengths) = padPackedSequence(packed, batchFirst: true)
  return unpadSequence(padded, lengths: lengths.scalars(Int.self), batchFirst: true)
}
