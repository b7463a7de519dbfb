// SPDX-License-Identifier: MIT
// Bars beside each other, as SVG that is readable on a light page and on a dark one.

const WIDTH = 860
const LEFT = 190
const BAR = 14
const GAP = 22
const COLOURS = ['#2f81f7', '#8b949e', '#c9a227', '#a371f7', '#db6d28']

const escaped = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;')

/**
 * @param {{ title: string, unit: string, groups: { name: string, bars: { name: string, value: number, low?: number, high?: number }[] }[] }} chart
 */
export function barChart({ title, unit, groups }) {
  const names = [...new Set(groups.flatMap(({ bars }) => bars.map(({ name }) => name)))]
  const largest = Math.max(
    1e-9,
    ...groups.flatMap(({ bars }) => bars.map(({ value, high }) => high ?? value)),
  )
  const scale = (value) => (value / largest) * (WIDTH - LEFT - 90)
  const parts = []
  let y = 60 + 18 * Math.ceil(names.length / 3)
  for (const group of groups) {
    const middle = y + (group.bars.length * BAR) / 2 + 4
    parts.push(
      `<text class="t" x="${LEFT - 12}" y="${middle}" text-anchor="end">${escaped(group.name)}</text>`,
    )
    for (const { name, value, low, high } of group.bars) {
      const colour = COLOURS[names.indexOf(name) % COLOURS.length]
      parts.push(
        `<rect x="${LEFT}" y="${y}" width="${scale(value).toFixed(1)}" height="${BAR - 3}" rx="2" fill="${colour}"/>`,
      )
      if (low !== undefined && high !== undefined) {
        const at = y + (BAR - 3) / 2
        parts.push(
          `<line class="s" x1="${(LEFT + scale(low)).toFixed(1)}" x2="${(LEFT + scale(high)).toFixed(1)}" y1="${at}" y2="${at}"/>`,
        )
      }
      const end = LEFT + scale(high ?? value) + 8
      parts.push(
        `<text class="v" x="${end.toFixed(1)}" y="${y + BAR - 5}">${value.toFixed(1)} ${unit}</text>`,
      )
      y += BAR
    }
    y += GAP
  }
  const legend = names.map((name, index) => {
    const x = LEFT + (index % 3) * 215
    const at = 56 + 18 * Math.floor(index / 3)
    const colour = COLOURS[index % COLOURS.length]
    return `<rect x="${x}" y="${at - 9}" width="10" height="10" rx="2" fill="${colour}"/><text class="v" x="${x + 16}" y="${at}">${escaped(name)}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" role="img" aria-label="${escaped(title)}">
<style>text{font:13px system-ui,sans-serif;fill:#57606a}.h{font-size:15px;font-weight:600}.v{font-size:11px}.s{stroke:#57606a;stroke-width:1.5;opacity:.6}@media(prefers-color-scheme:dark){text{fill:#9da7b3}.s{stroke:#e6edf3}}</style>
<text class="h" x="20" y="28">${escaped(title)}</text>
${[...legend, ...parts].join('\n')}
</svg>
`
}
