import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let matmul: [String: Entry] = [:]
}
