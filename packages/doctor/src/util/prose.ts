import { randomInt } from 'node:crypto'

// Short and common words: about a token each, in any vocabulary.
const WORDS =
  'able acid aged air also arm army away baby back ball band bank base bath bear beat bell bird blow blue boat body bone book born boss both bowl box boy bus busy cake call calm came camp card care case cash cast cell city club coal coat code cold come cook cool copy corn cost crew crop dark data date dawn day dead deal dear debt deep desk diet dish door down draw dress drop duck dust duty each earn east easy edge face fact fail fair fall farm fast fear feel file fill film find fine fire firm fish five flat flow food foot form four free full fund gain game gate gift girl give glad goal gold golf good gray grow hair half hall hand hang hard head hear heat help hero high hill hire hold hole home hope hour huge idea iron item join jump keep kind king knee lady lake land last late lead left life lift line link list live load loan lock long look lord loss love luck mail main make male many mark meal mean meat menu mile milk mind mine miss mode mood moon more most move much name navy near neck news nice nine node none north nose note ocean open over pace pack page pair park part pass past path peak pick pink plan play plot plus pool poor port post pull pure push race rail rain rank rate read real rest rice rich ride ring rise risk road rock role roof room root rose rule safe sail salt sand save seat seed sell send ship shop show side sign site size skin slow snow soft soil song soon sort soup spot star stay step stop suit sure take talk tall tank task team tell tent term test text than thin time tiny tone tool tour town tree trip true tube turn twin type unit upon user vary vast very view vote wage wait walk wall warm wash wave week west wide wife wild wind wine wing wise wish wood word work yard year zone'.split(
    ' ',
  )

/** So many random words: no prefix of them is in any cache. */
export function prose(words: number): string {
  return Array.from({ length: words }, () => WORDS[randomInt(WORDS.length)]).join(' ')
}
