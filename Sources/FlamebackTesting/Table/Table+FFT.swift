import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let fft: [String: Entry] = [:]
}
