#!/usr/bin/env bash
# Makes the REFERENCE.tsv of a folder of captures with tshark, for TestReferenceCounts:
#   docs/bench/reference.sh FOLDER
#   GUMSHOE_CAPTURES=FOLDER go test -count=1 -v -run ReferenceCounts ./checks/packets
# Needs tshark 4.0 and gawk. It reads each file once, with tshark's default preferences.
# A count is that of frames in which a field is, as of tshark -n -r FILE -Y FIELD | wc -l,
# but for those that the header says are of streams. docs/packet-counts.md tells more.
set -uo pipefail
folder=${1:?docs/bench/reference.sh FOLDER}
cd "$folder" || exit 1
out=REFERENCE.tsv
H="file\tpackets\tretr(tcp.analysis.retransmission)\tfast\tspurious\tooo\tdupack\tzerowin\tkeepalive\tlostseg\treused\trst(frames)\trefused(RST answering SYN; streams)\tsyn\tsynack\thandshakes(streams with completeness&7==7)\tsyn_noanswer(streams)\tirtt_ms_median\tdns_q\tdns_r\tdns_rcode!=0\tdns_noanswer\ttls_client_hello\ttls_sni\ttls_server_hello\ttls_alert\thttp_req\thttp_resp\thttp_4xx5xx\ticmp_unreach(v4 t3+v6 t1)\tfrag_needed(v4 3/4+v6 t2)\tarp_dup\tudp\ttcp_streams"
echo -e "$H" > "$out"
find . -type f -regex '.*\.\(pcap\|pcapng\|cap\)\(\.gz\)?' | sed 's#^\./##' | sort | while read -r f; do
  line=$(tshark -n -r "$f" -T fields -E separator='|' -E occurrence=f \
    -e tcp.stream -e tcp.analysis.retransmission -e tcp.analysis.fast_retransmission -e tcp.analysis.spurious_retransmission \
    -e tcp.analysis.out_of_order -e tcp.analysis.duplicate_ack -e tcp.analysis.zero_window -e tcp.analysis.keep_alive \
    -e tcp.analysis.lost_segment -e tcp.analysis.reused_ports -e tcp.flags -e tcp.completeness -e tcp.analysis.initial_rtt \
    -e dns.flags.response -e dns.flags.rcode -e dns.response_to -e dns.id \
    -e tls.handshake.type -e tls.handshake.extensions_server_name -e tls.alert_message \
    -e http.request.method -e http.response.code -e icmp.type -e icmp.code -e icmpv6.type -e arp.duplicate-address-detected -e udp.port 2>/dev/null |
  gawk -F'|' -v file="$f" 'function h(s){return strtonum(s)}
  {n++; st=$1
   if($2!="")c[1]++; if($3!="")c[2]++; if($4!="")c[3]++; if($5!="")c[4]++; if($6!="")c[5]++; if($7!="")c[6]++; if($8!="")c[7]++; if($9!="")c[8]++; if($10!="")c[9]++
   if(st!=""){fl=h($11); streams[st]=1; comp[st]=$12
     if(and(fl,4))c[10]++
     if(and(fl,2)){ if(and(fl,16)){c[13]++; sa[st]=1} else {c[12]++; sy[st]=1} }
     if(and(fl,4) && (st in sy) && !(st in sa)) ref[st]=1
     if(!and(fl,2) && !and(fl,4)) data[st]=1
     if($13!="" && !(st in irtt)) irtt[st]=$13*1000 }
   if($14=="0"||$14=="False"){dq++} if($14=="1"||$14=="True"){dr++; if($15+0>0)de++; if($16!="")da++}
   if($18=="1")ch++; if($18=="2")sh++; if($19!="")sni++; if($20!="")al++
   if($21!="")hq++; if($22!=""){hr++; if($22+0>=400)he++}
   if($23=="3"){un++; if($24=="4")fn++} if($25=="1")un++; if($25=="2")fn++
   if($26!="")ad++; if($27!="")u++ }
  END{ for(s in streams){ts++; if(and(comp[s]+0,7)==7)hs++; if((s in sy)&&!(s in sa)&&!(s in ref)&&!(s in data))na++}
    for(s in ref)rf++; k=asort(irtt,q); med=k?sprintf("%.3f",q[int((k+1)/2)]):"-"
    printf "%s\t%d",file,n; for(i=1;i<=10;i++)printf "\t%d",c[i]; printf "\t%d\t%d\t%d\t%d\t%d\t%s",rf,c[12],c[13],hs,na,med
    printf "\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n",dq,dr,de,dq-da,ch,sni,sh,al,hq,hr,he,un,fn,ad,u,ts }')
  echo "$line" >> "$out"
done
