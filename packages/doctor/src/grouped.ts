/** 99470 -> 99,470 */
export function grouped(figure: number): string {
  return figure.toLocaleString('en-US')
}
